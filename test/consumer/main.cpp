// SPDX-License-Identifier: MIT
#include <lambdakiq.h>

#include <iostream>

int main()
{
    lk_err err{};
    lk_slice event = lk_slice_of("{\"Records\":[]}");
    int jobs = lk_event_is_jobs(event, &err);
    std::cout << lk_version() << ' ' << lk_code_name(LK_E_TIMEOUT) << '\n';
    return jobs == 0 && lk_backoff_s(12) == 14836 ? 0 : 1;
}
