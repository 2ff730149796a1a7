/* What the processes of one launch share, and who does what. */
#ifndef RRUN_LAUNCH_H
#define RRUN_LAUNCH_H

#include "plan.h"
#include "sys.h"

/* State that the caller of rrun had and that the command starts with. Saved first thing in main(). */
struct caller {
	sigset_t mask;
	sigset_t ignored;
	int stream_flags[3]; /* Node makes pipes non-blocking, for everybody who shares them */
};

struct launch {
	struct plan plan;
	struct caller caller;
	bool tty;
	bool own_session;
	bool own_streams;   /* none is the caller's */
	int command_fds[3]; /* streams of the command, -1: /dev/null */
	int keeper_ctl;	    /* the keeper's end */
	int init_ctl;	    /* init's end */
};

/* keeper.c: never return. */
void keeper_main(struct launch *launch) __attribute__((noreturn));
/* init.c */
void init_main(struct launch *launch) __attribute__((noreturn));

/* monitor.c: carries a plan out; `client` is a socket to the process in front, or -1 when we are in front ourselves. */
int monitor_main(struct launch *launch, int client);

/* client.c: the process in front of a monitor that holds a terminal. Returns the exit code. */
int client_main(struct launch *launch, int monitor);
/* A socket to the monitor of a container that runs. */
int client_connect(const struct plan *plan);

/* idmap.c: writes the maps of `pid`. */
void idmap_write(const struct plan *plan, pid_t pid);

/* spawn.c: a program of the plan that runs beside the container. */
struct spawned {
	const char *name;
	pid_t pid;
	int ready; /* readable when it is ready or dead; -1 when it was ready */
	int exit;  /* closing it ends the program */
	int output;
	long long timeout_ms;
};
void spawn_start(struct spawned *spawned, const struct step *step, pid_t container, const struct caller *caller);
/* Reads the ready descriptor; fails when the program ended instead. */
void spawn_ready(struct spawned *spawned);
void spawn_failed(const struct spawned *spawned, const char *why) __attribute__((noreturn));
/* Runs a program to its end (phase keeper). */
void spawn_run(const struct step *step, const struct caller *caller);

/* mounts.c: steps of phase init before and around the pivot. True when it was one of its own. */
bool mounts_step(const struct step *step);
/* Opens the host's side of every bind while we still are who may enter the directories above it. */
void mounts_open_sources(const struct plan *plan);

/* process.c: what a process has: limits, ids, capabilities, seccomp. */
bool process_step(const struct step *step);
/* The command's streams are pipes or a terminal of ours, not the caller's. */
extern bool process_owns_streams;
/* Leaves this process nothing but the right to signal. */
void capabilities_keep_kill(void);
/* A program of ours keeps them although it is not run by id 0. */
void capabilities_keep_over_exec(void);
/* Takes id 0 of the user namespace, where it is mapped: in single-id mode it may not be, and the one id there is must do. */
void become_root(void);
void seccomp_read(const struct plan *plan);
void caller_restore(const struct caller *caller);
/* All descriptors but the standard ones: now, or with RRUN_CLOSE_RANGE_CLOEXEC at the next exec. */
void close_from_3(unsigned int flags);

/* tty.c */
void tty_make_console(int init_ctl, bool alone);

/* remove.c: `remove` and `rename`, in init and cleanup. */
bool remove_step(const struct step *step);

/* locks.c */
int locks_main(const char *containers_dir);

/* log.c */
struct log {
	int fd;
	char line[2][16384];
	size_t len[2];
};
void log_write(struct log *log, int stream, const char *data, size_t len);
void log_flush(struct log *log);
void format_time(char *text, size_t size, const struct timespec *at);

/* main.c */
void set_title(const char *role, const char *id);

#endif
