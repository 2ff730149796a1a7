/*
 * The container's process in tests: prints what it sees of itself as one JSON object, then does what its arguments say.
 * payload [--exit N] [--signal N] [--sleep SECONDS] [--write PATH TEXT] [--read-stdin] [--stderr TEXT] [--spawn-sleep SECONDS]
 * It believes nothing but the kernel; no file of it is shared with rrun.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <termios.h>
#include <unistd.h>

extern char **environ;

static void json_bytes(const char *text, size_t len)
{
	putchar('"');
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void json_string(const char *text)
{
	json_bytes(text, strlen(text));
}

static void key(const char *name)
{
	static int started;

	if (started++)
		printf(",\n");
	json_string(name);
	putchar(':');
}

static void print_number(const char *name, long value)
{
	key(name);
	printf("%ld", value);
}

static void print_string(const char *name, const char *value)
{
	key(name);
	json_string(value);
}

/* The whole file as a string; null where it cannot be read. */
static void print_file(const char *name, const char *path)
{
	static char text[1 << 18];
	size_t len = 0;
	ssize_t got;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	key(name);
	if (fd < 0) {
		printf("null");
		return;
	}
	while (len < sizeof(text) && (got = read(fd, text + len, sizeof(text) - len)) > 0)
		len += (size_t)got;
	close(fd);
	json_bytes(text, len);
}

static void print_link_value(const char *path)
{
	char target[4096];
	ssize_t len = readlink(path, target, sizeof(target));

	if (len < 0)
		printf("null");
	else
		json_bytes(target, (size_t)len);
}

static void print_ids(void)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid, groups[1024];
	int count = getgroups(1024, groups);

	getresuid(&ruid, &euid, &suid);
	getresgid(&rgid, &egid, &sgid);
	key("uids");
	printf("[%u,%u,%u]", ruid, euid, suid);
	key("gids");
	printf("[%u,%u,%u]", rgid, egid, sgid);
	key("groups");
	putchar('[');
	for (int i = 0; i < count; i++)
		printf("%s%u", i ? "," : "", groups[i]);
	putchar(']');
	print_file("uidMap", "/proc/self/uid_map");
	print_file("gidMap", "/proc/self/gid_map");
	print_file("setgroups", "/proc/self/setgroups");
}

/* Open descriptors and what they are; the one that reads the directory is left out. */
static void print_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	int first = 1;

	key("fds");
	if (!dir) {
		printf("null");
		return;
	}
	putchar('{');
	while ((entry = readdir(dir))) {
		char path[64];
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] == '.' || fd == dirfd(dir))
			continue;
		if (!first)
			putchar(',');
		first = 0;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		json_string(entry->d_name);
		putchar(':');
		print_link_value(path);
	}
	putchar('}');
	closedir(dir);
	key("fdFlags");
	printf("[%d,%d,%d]", fcntl(0, F_GETFL), fcntl(1, F_GETFL), fcntl(2, F_GETFL));
}

static void print_namespaces(void)
{
	static const char *const names[] = { "user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time" };

	key("namespaces");
	putchar('{');
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		if (i)
			putchar(',');
		json_string(names[i]);
		putchar(':');
		print_link_value(path);
	}
	putchar('}');
}

/* The lines of /proc/self/status that tell capabilities, seccomp and signals. */
static void print_status(void)
{
	static const char *const wanted[] = { "Pid",	"PPid",	  "CapInh",	"CapPrm",  "CapEff",
					      "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters",
					      "SigBlk", "SigIgn", "SigCgt",	"Umask",   "NSpid" };
	FILE *file = fopen("/proc/self/status", "re");
	char line[4096];
	int first = 1;

	key("status");
	if (!file) {
		printf("null");
		return;
	}
	putchar('{');
	while (fgets(line, sizeof(line), file)) {
		char *colon = strchr(line, ':');

		if (!colon)
			continue;
		*colon = '\0';
		for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
			if (strcmp(line, wanted[i]) != 0)
				continue;
			colon += 1 + strspn(colon + 1, " \t");
			colon[strcspn(colon, "\n")] = '\0';
			if (!first)
				putchar(',');
			first = 0;
			json_string(line);
			putchar(':');
			json_string(colon);
		}
	}
	putchar('}');
	fclose(file);
}

static void print_limits(void)
{
	static const struct {
		const char *name;
		int resource;
	} limits[] = { { "nofile", RLIMIT_NOFILE },   { "nproc", RLIMIT_NPROC },
		       { "core", RLIMIT_CORE },	      { "stack", RLIMIT_STACK },
		       { "memlock", RLIMIT_MEMLOCK }, { "cpu", RLIMIT_CPU },
		       { "fsize", RLIMIT_FSIZE },     { "as", RLIMIT_AS } };

	key("rlimits");
	putchar('{');
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		struct rlimit limit = { 0, 0 };

		getrlimit(limits[i].resource, &limit);
		printf("%s\"%s\":[%lld,%lld]", i ? "," : "", limits[i].name,
		       limit.rlim_cur == RLIM_INFINITY ? -1LL : (long long)limit.rlim_cur,
		       limit.rlim_max == RLIM_INFINITY ? -1LL : (long long)limit.rlim_max);
	}
	putchar('}');
}

/* Signals whose disposition at exec was not the default. */
static void print_dispositions(void)
{
	int first = 1;

	key("ignoredSignals");
	putchar('[');
	for (int number = 1; number < 65; number++) {
		struct sigaction action;

		if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN) {
			printf("%s%d", first ? "" : ",", number);
			first = 0;
		}
	}
	putchar(']');
}

static void print_terminal(void)
{
	struct winsize size;
	char *name = ttyname(0);

	key("isatty");
	printf("[%d,%d,%d]", isatty(0), isatty(1), isatty(2));
	key("ttyname");
	if (name)
		json_string(name);
	else
		printf("null");
	key("winsize");
	if (ioctl(0, TIOCGWINSZ, &size) == 0)
		printf("[%d,%d]", size.ws_col, size.ws_row);
	else
		printf("null");
	key("controllingTerminal");
	printf("%s", open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC) >= 0 ? "true" : "false");
}

static void print_strings(const char *name, char **strings)
{
	key(name);
	putchar('[');
	for (int i = 0; strings[i]; i++) {
		if (i)
			putchar(',');
		json_string(strings[i]);
	}
	putchar(']');
}

static void print_facts(char **argv)
{
	char cwd[4096] = "";
	struct utsname names;
	mode_t mask = umask(0);

	umask(mask);
	uname(&names);
	putchar('{');
	print_strings("argv", argv);
	print_strings("env", environ);
	print_ids();
	print_number("pid", getpid());
	print_number("ppid", getppid());
	print_number("sid", getsid(0));
	print_number("pgid", getpgid(0));
	print_number("umask", (long)mask);
	print_number("nice", getpriority(PRIO_PROCESS, 0));
	print_number("noNewPrivs", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	print_number("dumpable", prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
	print_string("cwd", getcwd(cwd, sizeof(cwd)) ? cwd : "");
	print_string("hostname", names.nodename);
	print_string("domainname", names.domainname);
	print_string("release", names.release);
	print_file("mountinfo", "/proc/self/mountinfo");
	print_file("cgroup", "/proc/self/cgroup");
	print_file("oomScoreAdj", "/proc/self/oom_score_adj");
	key("root");
	print_link_value("/proc/self/root");
	key("exe");
	print_link_value("/proc/self/exe");
	print_fds();
	print_namespaces();
	print_status();
	print_limits();
	print_dispositions();
	print_terminal();
	printf("}\n");
	fflush(stdout);
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	if (!file || fputs(text, file) == EOF || fclose(file) == EOF) {
		perror(path);
		exit(90);
	}
}

static void drain_stdin(void)
{
	char buffer[65536];
	long total = 0;
	ssize_t got;

	while ((got = read(0, buffer, sizeof(buffer))) > 0)
		total += got;
	printf("stdin %ld\n", total);
	fflush(stdout);
}

/* One action; returns how many arguments it used. */
static int act(char **args)
{
	const char *value = args[1] ? args[1] : "";

	if (!strcmp(args[0], "--exit"))
		exit(atoi(value));
	if (!strcmp(args[0], "--facts")) {
		print_facts(args);
		return 1;
	}
	if (!strcmp(args[0], "--read-stdin")) {
		drain_stdin();
		return 1;
	}
	if (!strcmp(args[0], "--signal"))
		raise(atoi(value));
	else if (!strcmp(args[0], "--sleep"))
		sleep((unsigned int)atoi(value));
	else if (!strcmp(args[0], "--stderr"))
		fprintf(stderr, "%s\n", value);
	else if (!strcmp(args[0], "--stdout"))
		printf("%s\n", value), fflush(stdout);
	else if (!strcmp(args[0], "--spawn-sleep")) {
		if (fork() == 0) {
			sleep((unsigned int)atoi(value));
			_exit(0);
		}
	} else if (!strcmp(args[0], "--write") && args[2]) {
		write_file(value, args[2]);
		return 3;
	} else {
		fprintf(stderr, "payload: what is \"%s\"?\n", args[0]);
		exit(91);
	}
	return 2;
}

int main(int argc, char **argv)
{
	int i = 1;

	if (argc < 2)
		print_facts(argv);
	while (i < argc)
		i += act(argv + i);
	return 0;
}
