// SPDX-License-Identifier: MIT
//
// A function that cannot be loaded.

throw new Error('no database');
