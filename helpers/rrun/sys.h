/* System headers, and the calls and constants that a C library may lack. No logic. */
#ifndef RRUN_SYS_H
#define RRUN_SYS_H

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_open_tree
#define SYS_open_tree 428
#define SYS_move_mount 429
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

/* linux/mount.h and linux/openat2.h clash with musl's sys/mount.h; their names get a prefix here. */
#define RRUN_OPEN_TREE_CLONE 1u
#define RRUN_OPEN_TREE_CLOEXEC O_CLOEXEC
#define RRUN_AT_RECURSIVE 0x8000u
#define RRUN_MOVE_MOUNT_F_EMPTY_PATH 0x4u
#define RRUN_MOVE_MOUNT_T_EMPTY_PATH 0x40u
#define RRUN_RESOLVE_NO_MAGICLINKS 0x02ull
#define RRUN_RESOLVE_NO_SYMLINKS 0x04ull
#define RRUN_RESOLVE_IN_ROOT 0x10ull
#define RRUN_CLOSE_RANGE_CLOEXEC 4u

struct rrun_mount_attr {
	uint64_t attr_set;
	uint64_t attr_clr;
	uint64_t propagation;
	uint64_t userns_fd;
};

struct rrun_open_how {
	uint64_t flags;
	uint64_t mode;
	uint64_t resolve;
};

#ifndef CLONE_NEWCGROUP
#define CLONE_NEWCGROUP 0x02000000
#endif
#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

/* Always with an explicit buffer size: the string is cut, never overrun. */
#define FMT(buffer, ...) ((void)snprintf((buffer), sizeof(buffer), __VA_ARGS__))

#endif
