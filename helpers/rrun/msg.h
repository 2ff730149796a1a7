/*
 * Messages between our own processes, over SOCK_SEQPACKET pairs: one type byte, then data.
 *
 *   monitor → keeper   G maps are written   D be closed to tracers   S signal number for the command   C clean up
 *   keeper  → monitor  N its namespaces are there   D it is   F failure record   E wait status of the command
 *   init    → monitor  I "here I am" (its credentials tell the pid)   T pseudo-terminal (two descriptors)
 *                      R ready to execute   F failure record
 *   monitor → init     X execute
 *   client  → monitor  i input   e end of input   w rows and columns   s signal number
 *   monitor → client   S started   F failure record   o stdout   x stderr   c exit code
 */
#ifndef RRUN_MSG_H
#define RRUN_MSG_H

#include "sys.h"

#define MSG_DATA_MAX 8192

struct msg {
	char type; /* 0: the other side is gone */
	char data[MSG_DATA_MAX];
	size_t len;
	pid_t pid;  /* sender, where SO_PASSCRED is set; else 0 */
	int fds[2]; /* received descriptors or -1 */
};

/* False when the other side is gone or (non-blocking) its queue is full: errno tells. */
bool msg_send(int fd, char type, const void *data, size_t len);
bool msg_send_fds(int fd, char type, const int fds[2]);

/* Returns false only for EAGAIN. A closed or broken socket is a message of type 0. */
bool msg_recv(int fd, struct msg *msg, int flags);

#endif
