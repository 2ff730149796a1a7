/* What the process in front does around a launch: Node before it, Node again to say what failed. */
#ifndef RRUN_LAUNCHER_H
#define RRUN_LAUNCHER_H

#include "launch.h"

/* The role of `rrun` as the user types it. Returns the exit code. */
int launcher_main(int argc, char **argv, const struct caller *caller);

/* The role `rrun @plan PLANFD REPORTFD`: carry out a plan of Node's own. */
int plan_main(int argc, char **argv, const struct caller *caller);

/* In the process in front: hands the failure record to whoever can say it, and ends this process. */
void front_failed(const struct plan *plan, const char *record, size_t len) __attribute__((noreturn));

#endif
