/* What the container process is given besides its files: names, limits, ids, capabilities, seccomp. */
#include "launch.h"
#include "report.h"

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <grp.h>

static struct sock_fprog filter;

bool process_owns_streams;

static long long number(const struct step *step, int arg, long long least, long long most)
{
	long long value;

	if (!parse_number(step->argv[arg], least, most, &value)) {
		errno = EINVAL;
		fail("plan", op_table[step->op].name, "use \"%s\"", step->argv[arg]);
	}
	return value;
}

static void write_file(const char *path, const char *text, const char *what)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	size_t len = strlen(text);

	TRY(fd, "process", "open", "set %s", what);
	if (write(fd, text, len) != (ssize_t)len)
		fail("process", "write", "set %s to \"%s\"", what, text);
	close(fd);
}

static void do_sysctl(const struct step *step)
{
	char path[PATH_MAX];

	if (strstr(step->argv[0], "..")) {
		errno = EINVAL;
		fail("plan", "sysctl", "use \"%s\"", step->argv[0]);
	}
	FMT(path, "/proc/sys/%s", step->argv[0]);
	write_file(path, step->argv[1], step->argv[0]);
}

static void do_loopback(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	TRY(fd, "network", "socket", "bring up lo");
	TRY(ioctl(fd, SIOCSIFFLAGS, &request), "network", "ioctl", "bring up lo");
	close(fd);
}

static rlim_t limit_value(const struct step *step, int arg)
{
	if (strcmp(step->argv[arg], "unlimited") == 0)
		return RLIM_INFINITY;
	return (rlim_t)number(step, arg, 0, LLONG_MAX);
}

static void do_rlimit(const struct step *step)
{
	static const struct {
		const char *name;
		int resource;
	} limits[] = {
		{ "as", RLIMIT_AS },	       { "core", RLIMIT_CORE },		{ "cpu", RLIMIT_CPU },
		{ "data", RLIMIT_DATA },       { "fsize", RLIMIT_FSIZE },	{ "locks", RLIMIT_LOCKS },
		{ "memlock", RLIMIT_MEMLOCK }, { "msgqueue", RLIMIT_MSGQUEUE }, { "nice", RLIMIT_NICE },
		{ "nofile", RLIMIT_NOFILE },   { "nproc", RLIMIT_NPROC },	{ "rss", RLIMIT_RSS },
		{ "rtprio", RLIMIT_RTPRIO },   { "rttime", RLIMIT_RTTIME },	{ "sigpending", RLIMIT_SIGPENDING },
		{ "stack", RLIMIT_STACK },
	};
	struct rlimit value = { limit_value(step, 1), limit_value(step, 2) };
	size_t i = 0;

	while (i < sizeof(limits) / sizeof(limits[0]) && strcmp(limits[i].name, step->argv[0]) != 0)
		i++;
	errno = EINVAL;
	if (i == sizeof(limits) / sizeof(limits[0]) || setrlimit(limits[i].resource, &value) < 0)
		fail("process", "setrlimit", "set limit %s to %s:%s", step->argv[0], step->argv[1], step->argv[2]);
}

static void do_cwd(const struct step *step)
{
	char seen[PATH_MAX];

	if (chdir(step->argv[0]) < 0) {
		char path[PATH_MAX];

		if (errno != ENOENT || strcmp(step->argv[1], "1") != 0)
			fail("cwd", "chdir", "enter directory \"%s\"", step->argv[0]);
		FMT(path, "%s", step->argv[0]);
		for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
			*slash = '\0';
			(void)mkdir(path, 0755);
			*slash = '/';
		}
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			fail("cwd", "mkdir", "make directory \"%s\"", step->argv[0]);
		TRY(chdir(path), "cwd", "chdir", "enter directory \"%s\"", step->argv[0]);
	}
	/* A directory that is not below our root has no path here (CVE-2024-21626): never start there. */
	if (!getcwd(seen, sizeof(seen)) || seen[0] != '/') {
		errno = ENOENT;
		fail("cwd", "getcwd", "enter directory \"%s\": it is not in the container", step->argv[0]);
	}
}

static void do_groups(const struct step *step)
{
	gid_t *gids = calloc((size_t)step->argc + 1, sizeof(gid_t));

	if (!gids)
		fail("process", "calloc", "set groups");
	for (int i = 0; i < step->argc; i++)
		gids[i] = (gid_t)number(step, i, 0, UINT_MAX - 1);
	TRY(setgroups((size_t)step->argc, gids), "process", "setgroups", "set the supplementary groups");
	free(gids);
}

static void capabilities_set(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	TRY(syscall(SYS_capget, &header, data), "process", "capget", "read capabilities");
	for (int half = 0; half < 2; half++) {
		uint32_t have = data[half].permitted;

		/* "All" means all that this kernel has. */
		data[half].effective = (uint32_t)(effective >> (32 * half)) & have;
		data[half].permitted = (uint32_t)(permitted >> (32 * half)) & have;
		data[half].inheritable = (uint32_t)(inheritable >> (32 * half)) & have;
	}
	TRY(syscall(SYS_capset, &header, data), "process", "capset", "set capabilities");
}

void become_root(void)
{
	(void)setresgid(0, 0, 0);
	(void)setresuid(0, 0, 0);
}

void capabilities_keep_over_exec(void)
{
	capabilities_set(~0ull, ~0ull, ~0ull);
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
}

void capabilities_keep_kill(void)
{
	capabilities_set(1u << CAP_KILL, 1u << CAP_KILL, 0);
}

static void do_user(const struct step *step)
{
	uid_t uid = (uid_t)number(step, 0, 0, UINT_MAX - 1);
	gid_t gid = (gid_t)number(step, 1, 0, UINT_MAX - 1);
	struct stat st;

	/* The command may open /dev/stdout again, which asks who owns the pipe behind it. */
	for (int fd = 0; process_owns_streams && fd < 3; fd++)
		if (fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || isatty(fd)) && st.st_uid != uid)
			(void)!fchown(fd, uid, (gid_t)-1);
	/* Capabilities are needed until seccomp is installed; the step "caps" says what stays. */
	TRY(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), "process", "prctl", "keep capabilities");
	TRY(setresgid(gid, gid, gid), "process", "setresgid", "become group %u", gid);
	TRY(setresuid(uid, uid, uid), "process", "setresuid", "become user %u", uid);
	/* Leaving uid 0 cleared the effective set. */
	capabilities_set(~0ull, ~0ull, 0);
}

static uint64_t hex_mask(const struct step *step, int arg)
{
	char *end;
	unsigned long long value = strtoull(step->argv[arg], &end, 16);

	if (*end || end == step->argv[arg]) {
		errno = EINVAL;
		fail("plan", "caps", "use \"%s\" as a capability mask", step->argv[arg]);
	}
	return value;
}

static void do_caps(const struct step *step)
{
	uint64_t bounding = hex_mask(step, 0);
	uint64_t sets[4];

	for (int i = 0; i < 4; i++)
		sets[i] = hex_mask(step, i + 1);
	/* The bounding set first: dropping from it needs CAP_SETPCAP, which capset may take away. */
	for (unsigned long cap = 0; cap < 64; cap++) {
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) < 0)
			break;
		if (!(bounding >> cap & 1))
			TRY(prctl(PR_CAPBSET_DROP, cap, 0, 0, 0), "process", "prctl", "drop capability %lu", cap);
	}
	capabilities_set(sets[0], sets[1], sets[2]);
	TRY(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "process", "prctl", "clear ambient capabilities");
	for (unsigned long cap = 0; cap < 64; cap++)
		if (sets[3] >> cap & 1)
			TRY(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0), "process", "prctl",
			    "raise ambient capability %lu", cap);
}

void seccomp_read(const struct plan *plan)
{
	const struct step *step = plan_find(plan, OP_SECCOMP);
	struct stat st;
	int fd;

	if (!step)
		return;
	/* Read now: the file is the host's, out of sight after the pivot. */
	fd = open(step->argv[0], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		fail("seccomp", "open", "open \"%s\"", step->argv[0]);
	if (st.st_size <= 0 || st.st_size % (off_t)sizeof(struct sock_filter) != 0 ||
	    st.st_size / (off_t)sizeof(struct sock_filter) > BPF_MAXINSNS) {
		errno = EINVAL;
		fail("seccomp", "read", "use \"%s\" as a BPF program", step->argv[0]);
	}
	filter.len = (unsigned short)((size_t)st.st_size / sizeof(struct sock_filter));
	filter.filter = malloc((size_t)st.st_size);
	if (!filter.filter || read(fd, filter.filter, (size_t)st.st_size) != st.st_size)
		fail("seccomp", "read", "read \"%s\"", step->argv[0]);
	close(fd);
}

void close_from_3(unsigned int flags)
{
	if (syscall(SYS_close_range, 3, ~0u, flags) == 0)
		return;
	for (int fd = 3; fd < 65536; fd++) /* before Linux 5.11 */
		(void)(flags ? fcntl(fd, F_SETFD, FD_CLOEXEC) : close(fd));
}

void caller_restore(const struct caller *caller)
{
	/* Dispositions need nothing: what the caller ignored we never touched, and what we caught execve resets. */
	(void)sigprocmask(SIG_SETMASK, &caller->mask, NULL);
}

static void do_umask(const struct step *step)
{
	char *end;
	unsigned long mask = strtoul(step->argv[0], &end, 8);

	if (*end || end == step->argv[0] || mask > 0777) {
		errno = EINVAL;
		fail("plan", "umask", "use \"%s\" as a umask", step->argv[0]);
	}
	umask((mode_t)mask);
}

bool process_step(const struct step *step)
{
	switch ((int)step->op) {
	case OP_LOOPBACK:
		do_loopback();
		return true;
	case OP_HOSTNAME:
		TRY(sethostname(step->argv[0], strlen(step->argv[0])), "process", "sethostname", "set host name \"%s\"",
		    step->argv[0]);
		return true;
	case OP_DOMAINNAME:
		TRY(setdomainname(step->argv[0], strlen(step->argv[0])), "process", "setdomainname",
		    "set domain name \"%s\"", step->argv[0]);
		return true;
	case OP_SYSCTL:
		do_sysctl(step);
		return true;
	case OP_OOM_SCORE_ADJ:
		write_file("/proc/self/oom_score_adj", step->argv[0], "oom_score_adj");
		return true;
	case OP_RLIMIT:
		do_rlimit(step);
		return true;
	case OP_KEYRING:
		/* Another error means that there are no keys here that could be got at. */
		if (syscall(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, NULL) < 0 && errno == EDQUOT)
			fail("process", "keyctl", "make a session keyring");
		return true;
	case OP_CWD:
		do_cwd(step);
		return true;
	case OP_GROUPS:
		do_groups(step);
		return true;
	case OP_USER:
		do_user(step);
		return true;
	case OP_CAPS:
		do_caps(step);
		return true;
	case OP_UMASK:
		do_umask(step);
		return true;
	case OP_NO_NEW_PRIVS:
		TRY(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "process", "prctl", "set no_new_privs");
		return true;
	case OP_SECCOMP:
		TRY(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), "seccomp", "prctl",
		    "install the seccomp filter");
		return true;
	case OP_CHROOT:
		TRY(chroot(step->argv[0]), "rootfs", "chroot", "enter \"%s\"", step->argv[0]);
		TRY(chdir("/"), "rootfs", "chdir", "enter \"%s\"", step->argv[0]);
		return true;
	default:
		return false;
	}
}
