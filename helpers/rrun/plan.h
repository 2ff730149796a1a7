/* The launch plan: NUL-ended fields, read whole and checked as if hostile. helpers/plan-ops.txt documents the operations. */
#ifndef RRUN_PLAN_H
#define RRUN_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#define PLAN_PROTOCOL "1"
#define PLAN_MAX (4u << 20)
#define PLAN_MAX_FIELDS 65536

enum phase { PHASE_MONITOR, PHASE_KEEPER, PHASE_INIT, PHASE_CLEANUP, PHASES };

/* clang-format off */
enum op {
	OP_PHASE, OP_END,
	OP_MODE, OP_ID, OP_LOCK, OP_EXIT_FILE, OP_LOG, OP_SOCKET, OP_STDIO, OP_TTY, OP_DETACH_KEYS,
	OP_ATTACH_STDIN, OP_NO_SIG_PROXY, OP_ANNOUNCE, OP_ON_FAILURE, OP_PASS_FD, OP_CLONE, OP_JOIN, OP_UIDMAP,
	OP_GIDMAP, OP_SETGROUPS_DENY, OP_SPAWN,
	OP_UNSHARE, OP_RUN, OP_CLONE_INIT,
	OP_PRIVATE, OP_ROOTFS, OP_OVERLAY, OP_MOUNT, OP_BIND, OP_REMOUNT, OP_PROPAGATION, OP_MKDIR, OP_SYMLINK,
	OP_PIVOT, OP_CONSOLE, OP_LOOPBACK, OP_HOSTNAME, OP_DOMAINNAME, OP_SYSCTL, OP_MASK, OP_READONLY,
	OP_OOM_SCORE_ADJ, OP_RLIMIT, OP_KEYRING, OP_CWD, OP_GROUPS, OP_USER, OP_CAPS, OP_UMASK, OP_NO_NEW_PRIVS, OP_SECCOMP,
	OP_REAPER, OP_ENV, OP_CHROOT, OP_EXEC,
	OP_REMOVE, OP_RENAME,
	OPS
};
/* clang-format on */

struct op_info {
	const char *name;
	unsigned int phases; /* bit mask of 1 << enum phase */
	int least;
	int most; /* -1: no limit but the plan's */
};

extern const struct op_info op_table[OPS];

struct step {
	enum op op;
	int argc;
	char **argv; /* NULL-ended */
};

struct plan {
	struct step *steps;
	int count;
	enum phase *phase_of; /* phase of each step */
	char **fields;
};

enum plan_result { PLAN_OK, PLAN_INCOMPLETE, PLAN_INVALID };

/*
 * Parses `len` bytes, which the plan then points into. PLAN_INCOMPLETE: right so far, the end mark is not there yet.
 * PLAN_INVALID sets *why to a constant sentence. Frees nothing on success; plan_free() does.
 */
enum plan_result plan_parse(struct plan *plan, char *bytes, size_t len, const char **why);
void plan_free(struct plan *plan);

/* First step of this operation, or NULL. */
const struct step *plan_find(const struct plan *plan, enum op op);

/* Decimal number between least and most; false when the text is anything else. */
bool parse_number(const char *text, long long least, long long most, long long *value);

/* CLONE_NEW… flags of namespace names; false for an unknown one. */
bool parse_namespaces(const struct step *step, int first, unsigned long *flags);

#endif
