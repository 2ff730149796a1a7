/* The monitor's state: setting a container up (monitor.c) and staying with it (supervise.c). */
#ifndef RRUN_MONITOR_H
#define RRUN_MONITOR_H

#include "launch.h"
#include "msg.h"

#define CLIENTS_MAX 16
#define SPAWNED_MAX 8

/* Output of the command on its way to the log, our own stream and the clients. */
struct channel {
	int from;  /* -1: at its end */
	int local; /* our own stream, or -1 */
	char type; /* of the message to clients */
	char data[MSG_DATA_MAX];
	size_t len;
	size_t local_done;
	unsigned int to_clients; /* bit mask: who has not had `data` yet */
};

/* Input on its way to the command. */
struct input {
	int to;	   /* -1: nobody reads */
	int local; /* our own stream, or -1 */
	bool end;  /* no more is to come: close when what is here was written */
	char data[MSG_DATA_MAX];
	size_t len;
	size_t done;
};

struct monitor {
	struct launch *launch;
	int ctl;
	int init;
	int signals;
	int lock;
	int exit_file;
	int listen;
	const char *socket_path;
	bool foreground;
	pid_t keeper;
	pid_t init_pid;
	char started[64];
	int terminal[2]; /* both sides of the command's terminal, or -1 */
	struct log log;
	struct spawned spawned[SPAWNED_MAX];
	int spawned_count;
	int clients[CLIENTS_MAX]; /* -1: free; [0] is the process in front, if there is one */
	struct channel out[2];
	struct input in;
	long long signal_due_ms[NSIG];
	bool ended;
	int status;
};

/* state.c: opens lock, exit file, log and socket as the plan says; writes the exit status, or lets go of its place. */
void state_open(struct monitor *monitor);
void state_write_exit(const struct monitor *monitor, int code);
void state_forget_exit(const struct monitor *monitor);

/* Copies and watches until the command has ended and its output is where it belongs. */
void supervise(struct monitor *monitor);

/* Reads one signal from monitor->signals; 0 when there is none. Children are reaped on the way. */
int monitor_take_signal(struct monitor *monitor);

long long monotonic_ms(void);

#endif
