/* Reads the plan. Checks form only (lengths, counts, known operations in their phase); values are checked where they are used. */
#include "plan.h"

#include "sys.h"

#define IN_MONITOR (1u << PHASE_MONITOR)
#define IN_KEEPER (1u << PHASE_KEEPER)
#define IN_INIT (1u << PHASE_INIT)
#define IN_CLEANUP (1u << PHASE_CLEANUP)
#define IN_ANY (IN_MONITOR | IN_KEEPER | IN_INIT | IN_CLEANUP)

const struct op_info op_table[OPS] = {
	[OP_PHASE] = { "phase", IN_ANY, 1, 1 },
	[OP_END] = { "end", IN_ANY, 0, 0 },
	[OP_MODE] = { "mode", IN_MONITOR, 1, 1 },
	[OP_ID] = { "id", IN_MONITOR, 1, 1 },
	[OP_LOCK] = { "lock", IN_MONITOR, 1, 1 },
	[OP_EXIT_FILE] = { "exit-file", IN_MONITOR, 1, 1 },
	[OP_LOG] = { "log", IN_MONITOR, 1, 1 },
	[OP_SOCKET] = { "socket", IN_MONITOR, 1, 1 },
	[OP_STDIO] = { "stdio", IN_MONITOR, 2, 2 },
	[OP_TTY] = { "tty", IN_MONITOR, 0, 0 },
	[OP_DETACH_KEYS] = { "detach-keys", IN_MONITOR, 1, 1 },
	[OP_ATTACH_STDIN] = { "attach-stdin", IN_MONITOR, 0, 0 },
	[OP_NO_SIG_PROXY] = { "no-sig-proxy", IN_MONITOR, 0, 0 },
	[OP_ANNOUNCE] = { "announce", IN_MONITOR, 1, 1 },
	[OP_ON_FAILURE] = { "on-failure", IN_MONITOR, 1, -1 },
	[OP_PASS_FD] = { "pass-fd", IN_MONITOR, 1, 1 },
	[OP_CLONE] = { "clone", IN_MONITOR, 0, -1 },
	[OP_JOIN] = { "join", IN_MONITOR, 2, -1 },
	[OP_UIDMAP] = { "uidmap", IN_MONITOR, 4, -1 },
	[OP_GIDMAP] = { "gidmap", IN_MONITOR, 4, -1 },
	[OP_SETGROUPS_DENY] = { "setgroups-deny", IN_MONITOR, 0, 0 },
	[OP_SPAWN] = { "spawn", IN_MONITOR, 3, -1 },
	[OP_UNSHARE] = { "unshare", IN_KEEPER, 1, -1 },
	[OP_RUN] = { "run", IN_KEEPER, 2, -1 },
	[OP_CLONE_INIT] = { "clone-init", IN_KEEPER, 0, -1 },
	[OP_PRIVATE] = { "private", IN_INIT, 0, 0 },
	[OP_ROOTFS] = { "rootfs", IN_INIT, 2, 2 },
	[OP_OVERLAY] = { "overlay", IN_INIT, 5, -1 },
	[OP_MOUNT] = { "mount", IN_INIT, 5, 5 },
	[OP_BIND] = { "bind", IN_INIT, 4, 4 },
	[OP_REMOUNT] = { "remount", IN_INIT, 2, 2 },
	[OP_PROPAGATION] = { "propagation", IN_INIT, 2, 2 },
	[OP_MKDIR] = { "mkdir", IN_INIT, 2, 2 },
	[OP_SYMLINK] = { "symlink", IN_INIT, 2, 2 },
	[OP_PIVOT] = { "pivot", IN_INIT, 0, 0 },
	[OP_CONSOLE] = { "console", IN_INIT, 0, 1 },
	[OP_LOOPBACK] = { "loopback", IN_INIT, 0, 0 },
	[OP_HOSTNAME] = { "hostname", IN_INIT, 1, 1 },
	[OP_DOMAINNAME] = { "domainname", IN_INIT, 1, 1 },
	[OP_SYSCTL] = { "sysctl", IN_INIT, 2, 2 },
	[OP_MASK] = { "mask", IN_INIT, 1, 1 },
	[OP_READONLY] = { "readonly", IN_INIT, 1, 1 },
	[OP_OOM_SCORE_ADJ] = { "oom-score-adj", IN_KEEPER, 1, 1 },
	[OP_RLIMIT] = { "rlimit", IN_INIT, 3, 3 },
	[OP_KEYRING] = { "keyring", IN_INIT, 0, 0 },
	[OP_CWD] = { "cwd", IN_INIT, 2, 2 },
	[OP_GROUPS] = { "groups", IN_INIT, 0, -1 },
	[OP_USER] = { "user", IN_INIT, 2, 2 },
	[OP_CAPS] = { "caps", IN_INIT, 5, 5 },
	[OP_UMASK] = { "umask", IN_INIT, 1, 1 },
	[OP_NO_NEW_PRIVS] = { "no-new-privs", IN_INIT, 0, 0 },
	[OP_SECCOMP] = { "seccomp", IN_INIT, 1, 1 },
	[OP_REAPER] = { "reaper", IN_INIT, 0, 0 },
	[OP_ENV] = { "env", IN_INIT, 1, 1 },
	[OP_CHROOT] = { "chroot", IN_INIT, 1, 1 },
	[OP_EXEC] = { "exec", IN_INIT, 2, -1 },
	[OP_REMOVE] = { "remove", IN_INIT | IN_CLEANUP, 1, 1 },
	[OP_RENAME] = { "rename", IN_INIT | IN_CLEANUP, 2, 2 },
};

static const char *const phase_names[PHASES] = { "monitor", "keeper", "init", "cleanup" };

bool parse_number(const char *text, long long least, long long most, long long *value)
{
	char *end;

	if (*text != '-' && (*text < '0' || *text > '9'))
		return false;
	errno = 0;
	*value = strtoll(text, &end, 10);
	return errno == 0 && *end == '\0' && *value >= least && *value <= most;
}

bool parse_namespaces(const struct step *step, int first, unsigned long *flags)
{
	static const struct {
		const char *name;
		unsigned long flag;
	} types[] = {
		{ "user", CLONE_NEWUSER }, { "pid", CLONE_NEWPID }, { "network", CLONE_NEWNET },
		{ "ipc", CLONE_NEWIPC },   { "uts", CLONE_NEWUTS }, { "cgroup", CLONE_NEWCGROUP },
		{ "mount", CLONE_NEWNS },
	};

	*flags = 0;
	for (int i = first; i < step->argc; i++) {
		size_t t = 0;

		while (t < sizeof(types) / sizeof(types[0]) && strcmp(types[t].name, step->argv[i]) != 0)
			t++;
		if (t == sizeof(types) / sizeof(types[0]))
			return false;
		*flags |= types[t].flag;
	}
	return true;
}

static int op_by_name(const char *name)
{
	for (int op = 0; op < OPS; op++)
		if (strcmp(op_table[op].name, name) == 0)
			return op;
	return -1;
}

static int phase_by_name(const char *name)
{
	for (int phase = 0; phase < PHASES; phase++)
		if (strcmp(phase_names[phase], name) == 0)
			return phase;
	return -1;
}

/* Splits into fields; the last one may be cut, it is then not counted. Returns the count, or -1 when there are too many. */
static int split_fields(char **fields, char *bytes, size_t len)
{
	int count = 0;
	size_t start = 0;

	for (size_t i = 0; i < len; i++) {
		if (bytes[i] != '\0')
			continue;
		if (count == PLAN_MAX_FIELDS)
			return -1;
		fields[count++] = bytes + start;
		start = i + 1;
	}
	return count;
}

struct reader {
	char **fields;
	int count;
	int next;
	int argv_used; /* argv lists live in the second half of `fields` */
};

static const char *take_record(struct plan *plan, struct reader *in, int phase, int *op_out)
{
	struct step *step = &plan->steps[plan->count];
	long long argc;
	int op = op_by_name(in->fields[in->next]);

	if (op < 0)
		return "unknown operation";
	if (!parse_number(in->fields[in->next + 1], 0, PLAN_MAX_FIELDS, &argc))
		return "bad field count";
	if (argc < op_table[op].least || (op_table[op].most >= 0 && argc > op_table[op].most))
		return "wrong number of fields";
	if (phase >= 0 && !(op_table[op].phases & (1u << phase)))
		return "operation in the wrong phase";
	if (phase < 0 && op != OP_PHASE)
		return "operation before the first phase";
	*op_out = op;
	if (argc > in->count - in->next - 2)
		return NULL; /* incomplete: the caller looks at argv */
	step->op = (enum op)op;
	step->argc = (int)argc;
	step->argv = plan->fields + PLAN_MAX_FIELDS + in->argv_used;
	memcpy(step->argv, in->fields + in->next + 2, (size_t)argc * sizeof(char *));
	step->argv[argc] = NULL;
	in->argv_used += (int)argc + 1;
	in->next += 2 + (int)argc;
	return NULL;
}

static enum plan_result parse_records(struct plan *plan, struct reader *in, const char **why)
{
	int phase = -1;

	while (in->count - in->next >= 2) {
		int before = in->next;
		int op = -1;
		struct step *step = &plan->steps[plan->count];

		*why = take_record(plan, in, phase, &op);
		if (*why)
			return PLAN_INVALID;
		if (in->next == before)
			return PLAN_INCOMPLETE;
		if (op == OP_END) {
			*why = "fields after the end";
			return in->next == in->count ? PLAN_OK : PLAN_INVALID;
		}
		if (op == OP_PHASE) {
			phase = phase_by_name(step->argv[0]);
			*why = "unknown phase";
			if (phase < 0)
				return PLAN_INVALID;
			continue;
		}
		plan->phase_of[plan->count++] = (enum phase)phase;
	}
	return PLAN_INCOMPLETE;
}

enum plan_result plan_parse(struct plan *plan, char *bytes, size_t len, const char **why)
{
	struct reader in = { 0 };
	enum plan_result result = PLAN_INVALID;

	memset(plan, 0, sizeof(*plan));
	*why = "too large";
	if (len > PLAN_MAX)
		return PLAN_INVALID;
	/* Fields, then room for argv lists: at most one pointer per field and one NULL per record. */
	plan->fields = calloc(PLAN_MAX_FIELDS * 3, sizeof(char *));
	plan->steps = calloc(PLAN_MAX_FIELDS / 2, sizeof(struct step));
	plan->phase_of = calloc(PLAN_MAX_FIELDS / 2, sizeof(enum phase));
	*why = "out of memory";
	if (!plan->fields || !plan->steps || !plan->phase_of)
		goto out;
	in.fields = plan->fields;
	in.count = split_fields(plan->fields, bytes, len);
	*why = "too many fields";
	if (in.count < 0)
		goto out;
	result = PLAN_INCOMPLETE;
	if (in.count < 2)
		goto out;
	result = PLAN_INVALID;
	*why = "not a plan";
	if (strcmp(in.fields[0], "rrun-plan") != 0)
		goto out;
	*why = "another protocol version: reinstall rrun, its parts do not belong together";
	if (strcmp(in.fields[1], PLAN_PROTOCOL) != 0)
		goto out;
	in.next = 2;
	result = parse_records(plan, &in, why);
out:
	if (result != PLAN_OK)
		plan_free(plan);
	return result;
}

void plan_free(struct plan *plan)
{
	free(plan->fields);
	free(plan->steps);
	free(plan->phase_of);
	memset(plan, 0, sizeof(*plan));
}

const struct step *plan_find(const struct plan *plan, enum op op)
{
	for (int i = 0; i < plan->count; i++)
		if (plan->steps[i].op == op)
			return &plan->steps[i];
	return NULL;
}
