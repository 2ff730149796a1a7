/*
 * Mount steps of phase init. Until "pivot" a target is a path inside the rootfs: it is opened with
 * openat2(RESOLVE_IN_ROOT), so that no link of an image leads out of it. The image is never trusted.
 */
#include "launch.h"
#include "report.h"

static int root_fd = -1; /* the rootfs while it is not yet "/" */

static const struct {
	const char *name;
	unsigned long flag;
	uint64_t attr;
} mount_flags[] = {
	{ "ro", MS_RDONLY, 0x1 },
	{ "nosuid", MS_NOSUID, 0x2 },
	{ "nodev", MS_NODEV, 0x4 },
	{ "noexec", MS_NOEXEC, 0x8 },
	{ "noatime", MS_NOATIME, 0x10 },
	{ "strictatime", MS_STRICTATIME, 0x20 },
	{ "nodiratime", MS_NODIRATIME, 0x80 },
	{ "nosymfollow", 256, 0x200000 },
	{ "relatime", MS_RELATIME, 0 },
	{ "sync", MS_SYNCHRONOUS, 0 },
	{ "dirsync", MS_DIRSYNC, 0 },
	{ "rec", MS_REC, 0 },
	{ "optional", 0, 0 },
	{ "nolinks", 0, 0 },
};

struct flags {
	unsigned long mount;
	uint64_t attr;
	bool optional;
	bool nolinks; /* no component of the source may be a link */
};

static struct flags parse_flags(const char *list)
{
	struct flags flags = { 0 };
	size_t count = sizeof(mount_flags) / sizeof(mount_flags[0]);

	while (*list) {
		size_t len = strcspn(list, ",");
		size_t i = 0;

		while (i < count &&
		       (strlen(mount_flags[i].name) != len || strncmp(mount_flags[i].name, list, len) != 0))
			i++;
		if (i == count) {
			errno = EINVAL;
			fail("plan", "mount", "use mount flag \"%.*s\"", (int)len, list);
		}
		flags.mount |= mount_flags[i].flag;
		flags.attr |= mount_flags[i].attr;
		flags.optional |= strcmp(mount_flags[i].name, "optional") == 0;
		flags.nolinks |= strcmp(mount_flags[i].name, "nolinks") == 0;
		list += len + (list[len] == ',');
	}
	return flags;
}

static int open_in_root(const char *path, uint64_t flags)
{
	struct rrun_open_how how = {
		.flags = flags | O_CLOEXEC,
		.resolve = root_fd < 0 ? 0 : RRUN_RESOLVE_IN_ROOT | RRUN_RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, root_fd < 0 ? AT_FDCWD : root_fd, path, &how, sizeof(how));
}

/*
 * Makes what is missing of a path inside the root and returns its end: a directory, or a file if `mode` says S_IFREG. One
 * component at a time, by names that are no links: a link that leads to nothing in the root may lead to something on the host.
 */
static int make_path(const char *path, mode_t mode, int links)
{
	char prefix[PATH_MAX];
	char through[3 * PATH_MAX];
	char link[PATH_MAX] = "";
	int dir = open_in_root("/", O_PATH);

	errno = strlen(path) < sizeof(prefix) ? errno : ENAMETOOLONG;
	TRY(strlen(path) < sizeof(prefix) ? dir : -1, "mounts", "openat2", "make \"%s\"", path);
	for (size_t at = strspn(path, "/"), end; path[at]; at = end + strspn(path + end, "/")) {
		end = at + strcspn(path + at, "/");
		bool is_file = path[end] == '\0' && S_ISREG(mode);
		int next;

		FMT(prefix, "%.*s", (int)end, path);
		next = open_in_root(prefix, O_PATH | (is_file ? 0 : O_DIRECTORY));
		if (next < 0 && errno == ENOENT) {
			if (readlinkat(dir, prefix + at, link, sizeof(link) - 1) > 0 && links < 40) {
				close(dir);
				FMT(through, "%.*s%s%s", *link == '/' ? 0 : (int)at, path, link, path + end);
				return make_path(through, mode, links + 1);
			}
			/* The last component has the asked mode; parents are 0755 as everybody makes them. */
			if ((is_file ? mknodat(dir, prefix + at, mode, 0)
				     : mkdirat(dir, prefix + at, path[end] ? 0755 : mode)) < 0 &&
			    errno != EEXIST)
				fail("mounts", is_file ? "mknod" : "mkdir", "make \"%s\"", prefix);
			next = open_in_root(prefix, O_PATH);
		}
		TRY(next, "mounts", "openat2", "open \"%s\"", prefix);
		close(dir);
		dir = next;
	}
	return dir;
}

static int open_target(const char *path, bool is_dir)
{
	int fd = open_in_root(path, O_PATH);

	if (fd < 0 && errno == ENOENT)
		return make_path(path, is_dir ? 0755 : S_IFREG | 0644, 0);
	TRY(fd, "mounts", "openat2", "open mount point \"%s\"", path);
	return fd;
}

static char *fd_path(char text[32], int fd)
{
	(void)snprintf(text, 32, "/proc/self/fd/%d", fd);
	return text;
}

static void do_mount(const struct step *step)
{
	struct flags flags = parse_flags(step->argv[3]);
	int target = open_target(step->argv[2], true);
	const char *data = step->argv[4];
	char path[32];

	if (mount(step->argv[1], fd_path(path, target), step->argv[0], flags.mount, *data ? data : NULL) < 0 &&
	    !flags.optional)
		fail("mounts", "mount", "mount %s on \"%s\"", step->argv[0], step->argv[2]);
	close(target);
}

static void set_attributes(int mount_fd, const struct flags *flags, const char *path)
{
	struct rrun_mount_attr attr = { .attr_set = flags->attr };
	unsigned int recursive = flags->mount & MS_REC ? RRUN_AT_RECURSIVE : 0;

	/* An atime mode is a field, not a bit: it must be cleared to be set (mount_setattr(2)). */
	if (flags->attr & 0x70)
		attr.attr_clr = 0x70;
	if (flags->attr)
		TRY(syscall(SYS_mount_setattr, mount_fd, "", AT_EMPTY_PATH | recursive, &attr, sizeof(attr)), "mounts",
		    "mount_setattr", "set the mount options of \"%s\"", path);
}

static int clone_tree(const char *source, bool recursive)
{
	return (int)syscall(SYS_open_tree, AT_FDCWD, source,
			    RRUN_OPEN_TREE_CLONE | RRUN_OPEN_TREE_CLOEXEC | (recursive ? RRUN_AT_RECURSIVE : 0));
}

static void attach(int tree, int target, const char *path)
{
	TRY(syscall(SYS_move_mount, tree, "", target, "", RRUN_MOVE_MOUNT_F_EMPTY_PATH | RRUN_MOVE_MOUNT_T_EMPTY_PATH),
	    "mounts", "move_mount", "mount on \"%s\"", path);
	close(target);
}

/* Clones that mounts_open_sources() made, by step. */
static struct {
	const struct step *step;
	int tree;
	int error;
} sources[512];
static int source_count;

static int clone_source(const struct step *step)
{
	struct flags flags = step->op == OP_ROOTFS ? (struct flags){ .mount = MS_REC } : parse_flags(step->argv[2]);
	struct rrun_open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RRUN_RESOLVE_NO_SYMLINKS };
	char path[32];
	int source;
	int tree;

	if (!flags.nolinks)
		return clone_tree(step->argv[0], flags.mount & MS_REC);
	source = (int)syscall(SYS_openat2, AT_FDCWD, step->argv[0], &how, sizeof(how));
	if (source < 0)
		return -1;
	tree = clone_tree(fd_path(path, source), flags.mount & MS_REC);
	close(source);
	return tree;
}

void mounts_open_sources(const struct plan *plan)
{
	for (int i = 0; i < plan->count && source_count < (int)(sizeof(sources) / sizeof(sources[0])); i++) {
		const struct step *step = &plan->steps[i];

		if (step->op != OP_BIND && !(step->op == OP_ROOTFS && strcmp(step->argv[1], "bind") == 0))
			continue;
		sources[source_count].step = step;
		sources[source_count].tree = clone_source(step);
		sources[source_count].error = errno;
		source_count++;
	}
}

static int take_source(const struct step *step)
{
	for (int i = 0; i < source_count; i++)
		if (sources[i].step == step) {
			errno = sources[i].error;
			return sources[i].tree;
		}
	return clone_source(step);
}

static void do_bind(const struct step *step)
{
	struct flags flags = parse_flags(step->argv[2]);
	int tree = take_source(step);
	bool is_dir = strcmp(step->argv[3], "dir") == 0;
	struct stat st;

	if (tree < 0 && flags.optional)
		return;
	TRY(tree, "mounts", "open_tree", "bind \"%s\" on \"%s\"", step->argv[0], step->argv[1]);
	if (strcmp(step->argv[3], "auto") == 0)
		is_dir = fstat(tree, &st) == 0 && S_ISDIR(st.st_mode);
	set_attributes(tree, &flags, step->argv[1]);
	attach(tree, open_target(step->argv[1], is_dir), step->argv[1]);
	close(tree);
}

static void do_remount(const struct step *step)
{
	struct flags flags = parse_flags(step->argv[1]);
	int target = open_in_root(step->argv[0], O_PATH);

	TRY(target, "mounts", "openat2", "open mount point \"%s\"", step->argv[0]);
	set_attributes(target, &flags, step->argv[0]);
	close(target);
}

static void do_propagation(const struct step *step)
{
	static const struct {
		const char *name;
		unsigned long flag;
	} kinds[] = { { "private", MS_PRIVATE },
		      { "slave", MS_SLAVE },
		      { "shared", MS_SHARED },
		      { "unbindable", MS_UNBINDABLE } };
	const char *kind = step->argv[1];
	unsigned long flag = *kind == 'r' ? MS_REC : 0;
	int target = open_in_root(step->argv[0], O_PATH);
	char path[32];
	size_t i = 0;

	TRY(target, "mounts", "openat2", "open mount point \"%s\"", step->argv[0]);
	while (i < 4 && strcmp(kinds[i].name, kind + (flag ? 1 : 0)) != 0)
		i++;
	errno = EINVAL;
	if (i == 4 || mount(NULL, fd_path(path, target), NULL, kinds[i].flag | flag, NULL) < 0)
		fail("mounts", "mount", "set propagation %s on \"%s\"", kind, step->argv[0]);
	close(target);
}

/*
 * Every directory is handed over as /proc/self/fd/N: short (mount(2) takes one page of options), and a comma or colon in
 * a path cannot be read as an option.
 */
static void do_overlay(const struct step *step)
{
	char options[4096];
	int fds[512] = { -1, -1 };
	int count = 0;
	int at;

	for (int i = 1; i < step->argc; i++) {
		if (i == 3)
			continue;
		if (count == (int)(sizeof(fds) / sizeof(fds[0]))) {
			errno = E2BIG;
			fail("rootfs", "mount", "mount an overlay of more than 500 layers");
		}
		fds[count] = open(step->argv[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		TRY(fds[count], "rootfs", "open", "open layer \"%s\"", step->argv[i]);
		count++;
	}
	at = snprintf(options, sizeof(options),
		      "userxattr,upperdir=/proc/self/fd/%d,workdir=/proc/self/fd/%d,%s%slowerdir=", fds[0], fds[1],
		      step->argv[3], *step->argv[3] ? "," : "");
	for (int i = 2; i < count && at < (int)sizeof(options); i++)
		at += snprintf(options + at, sizeof(options) - (size_t)at, "%s/proc/self/fd/%d", i > 2 ? ":" : "",
			       fds[i]);
	if (at >= (int)sizeof(options)) {
		errno = E2BIG;
		fail("rootfs", "mount", "mount an overlay of %d layers", count - 2);
	}
	TRY(mount("overlay", step->argv[0], "overlay", 0, options), "rootfs", "mount", "mount the overlay on \"%s\"",
	    step->argv[0]);
	for (int i = 0; i < count; i++)
		close(fds[i]);
}

static void do_rootfs(const struct step *step)
{
	if (strcmp(step->argv[1], "bind") != 0) {
		root_fd = open(step->argv[0], O_PATH | O_DIRECTORY | O_CLOEXEC);
		TRY(root_fd, "rootfs", "open", "open \"%s\"", step->argv[0]);
		return;
	}
	/* Attached where it is seen by nobody but us: on our own root, below which pivot_root finds it. */
	root_fd = take_source(step);
	TRY(root_fd, "rootfs", "open_tree", "bind \"%s\"", step->argv[0]);
	attach(root_fd, open("/", O_PATH | O_CLOEXEC), step->argv[0]);
}

static void do_pivot(void)
{
	/* pivot_root(".", ".") stacks the old root on the new one, and needs no directory for it (pivot_root(2)). */
	TRY(fchdir(root_fd), "rootfs", "fchdir", "enter the rootfs");
	TRY(syscall(SYS_pivot_root, ".", "."), "rootfs", "pivot_root", "make the rootfs the root");
	TRY(umount2(".", MNT_DETACH), "rootfs", "umount", "let go of the host's tree");
	TRY(chdir("/"), "rootfs", "chdir", "enter the new root");
	close(root_fd);
	root_fd = -1;
}

static void do_symlink(const struct step *step)
{
	const char *slash = strrchr(step->argv[1], '/');
	char parent[PATH_MAX];
	int dir;

	FMT(parent, "%.*s", slash ? (int)(slash - step->argv[1]) : 0, step->argv[1]);
	dir = make_path(parent, 0755, 0);
	if (symlinkat(step->argv[0], dir, slash ? slash + 1 : step->argv[1]) < 0 && errno != EEXIST)
		fail("mounts", "symlink", "make link \"%s\"", step->argv[1]);
	close(dir);
}

static void do_mkdir(const struct step *step)
{
	char *end;
	unsigned long mode = strtoul(step->argv[1], &end, 8);

	if (*end || mode > 07777) {
		errno = EINVAL;
		fail("plan", "mkdir", "use \"%s\" as a mode", step->argv[1]);
	}
	close(make_path(step->argv[0], (mode_t)mode, 0));
}

static void do_mask(const struct step *step)
{
	const char *path = step->argv[0];
	struct stat st;

	if (stat(path, &st) < 0)
		return; /* this kernel does not have it */
	if (S_ISDIR(st.st_mode))
		TRY(mount("tmpfs", path, "tmpfs", MS_RDONLY, "size=0k"), "mounts", "mount", "mask \"%s\"", path);
	else
		TRY(mount("/dev/null", path, NULL, MS_BIND, NULL), "mounts", "mount", "mask \"%s\"", path);
}

static void do_readonly(const struct step *step)
{
	const char *path = step->argv[0];
	struct flags flags = { .mount = MS_REC, .attr = 1 };
	int tree = clone_tree(path, true);

	if (tree < 0 && errno == ENOENT)
		return;
	TRY(tree, "mounts", "open_tree", "make \"%s\" read-only", path);
	set_attributes(tree, &flags, path);
	attach(tree, open(path, O_PATH | O_CLOEXEC), path);
	close(tree);
}

bool mounts_step(const struct step *step)
{
	switch ((int)step->op) {
	case OP_PRIVATE:
		TRY(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL), "mounts", "mount", "keep our mounts to ourselves");
		return true;
	case OP_ROOTFS:
		do_rootfs(step);
		return true;
	case OP_OVERLAY:
		do_overlay(step);
		return true;
	case OP_MOUNT:
		do_mount(step);
		return true;
	case OP_BIND:
		do_bind(step);
		return true;
	case OP_REMOUNT:
		do_remount(step);
		return true;
	case OP_PROPAGATION:
		do_propagation(step);
		return true;
	case OP_MKDIR:
		do_mkdir(step);
		return true;
	case OP_SYMLINK:
		do_symlink(step);
		return true;
	case OP_PIVOT:
		do_pivot();
		return true;
	case OP_MASK:
		do_mask(step);
		return true;
	case OP_READONLY:
		do_readonly(step);
		return true;
	default:
		return false;
	}
}
