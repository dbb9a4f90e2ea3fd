/* SPDX-License-Identifier: MIT
 *
 * xml: one element's text out of a small document: what AWS's Query protocol (STS) answers with.
 *
 * A strict subset: elements, attributes (ignored), text, comments, the five named and the numeric
 * character references. Document types, CDATA and processing instructions (but the declaration) are
 * refused: nothing here expands, recurses or looks anything up.
 */
#ifndef LK_XML_H
#define LK_XML_H

#include "base.h"

/* Text of the first element at the path ("Response/Result/Credentials/AccessKeyId"; "*" is any
 * name), appended to *text without that of its children. The whole document is checked.
 * 1: found; 0: there is none; LK_E_INVALID: malformed, or deeper than 16; LK_E_NOMEM. */
int lk_xml_text(lk_slice document, const char *path, lk_buf *text, lk_err *err);

#endif
