/* SPDX-License-Identifier: MIT
 *
 * grace: see grace.h.
 */
#include "grace.h"

#include "thread.h"

#include <signal.h>

static void *grace_main(void *arg)
{
    lk_cli_grace *g = arg;
    lk_cli_signal_wait(g->grace_ms);
    if (!atomic_load(&g->over)) {
        lk_cli_note(g->cli, "ending the running jobs; their messages come back");
        for (size_t i = 0; i < g->count; i++)
            lk_function_kill(g->functions[i]);
    }
    return NULL;
}

void lk_cli_grace_begin(lk_cli_grace *g, const lk_cli *cli, lk_function *const *functions,
                        size_t count, int64_t grace_ms)
{
    size_t running = 0;
    *g = (lk_cli_grace){.cli = cli, .functions = functions, .count = count, .grace_ms = grace_ms};
    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++)
        running += lk_function_running(functions[i]);
    if (running > 0)
        lk_cli_note(cli, "waiting for %zu running invocation%s; once more to end now", running,
                    running == 1 ? "" : "s");
    g->has_thread = lk_thread_start(&g->thread, grace_main, g, NULL) == 0;
}

void lk_cli_grace_end(lk_cli_grace *g)
{
    if (!g->has_thread)
        return;
    atomic_store(&g->over, true);
    /* Blocked in all threads; that one takes it in lk_cli_signal_wait. */
    // NOLINTNEXTLINE(bugprone-bad-signal-to-kill-thread,cert-pos44-c)
    pthread_kill(g->thread, SIGTERM);
    pthread_join(g->thread, NULL);
}
