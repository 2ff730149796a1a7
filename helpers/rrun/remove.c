/* Removes trees whatever they hold: as root of the mapped namespace, by descriptor, never following a link. */
#include "launch.h"
#include "report.h"

/* Descending takes one descriptor a level; what lies deeper is moved up to the top of its tree and removed from there. */
#define DEPTH_MAX 64

struct tree {
	const char *path;
	int top; /* the tree's own directory */
	unsigned int moved;
};

static void remove_at(struct tree *tree, int parent, const char *name, int depth);

static void remove_children(struct tree *tree, int dir_fd, int depth)
{
	DIR *dir = fdopendir(dir_fd);
	struct dirent *entry;

	if (!dir)
		fail("remove", "fdopendir", "remove \"%s\"", tree->path);
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			remove_at(tree, dir_fd, entry->d_name, depth);
	closedir(dir);
}

static bool move_up(struct tree *tree, int parent, const char *name)
{
	char aside[32];

	do {
		FMT(aside, ".rrun-deep-%u", tree->moved++);
	} while (faccessat(tree->top, aside, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
	return renameat(parent, name, tree->top, aside) == 0;
}

static int open_directory(int parent, const char *name)
{
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(parent, name, flags);

	/* With a single id there is no capability over modes, only ownership: overlay's work/work has mode 000. */
	if (fd < 0 && errno == EACCES && fchmodat(parent, name, 0700, 0) == 0)
		fd = openat(parent, name, flags);
	return fd;
}

/* fuse-overlayfs has mounted on a directory of the tree, in our own mount namespace: what is removed is what lies below. */
static int open_below_mounts(int parent, const char *name)
{
	int fd = open_directory(parent, name);
	struct stat above, here;
	char link[32];

	FMT(link, "/proc/self/fd/%d", fd);
	if (fd < 0 || fstat(parent, &above) < 0 || fstat(fd, &here) < 0 || above.st_dev == here.st_dev ||
	    umount2(link, MNT_DETACH) < 0)
		return fd;
	close(fd);
	return open_directory(parent, name);
}

static void remove_at(struct tree *tree, int parent, const char *name, int depth)
{
	int fd;

	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
		return;
	if (errno == EACCES && fchmod(parent, 0700) == 0 && unlinkat(parent, name, 0) == 0)
		return;
	if (errno != EISDIR && errno != EPERM && errno != EBUSY)
		fail("remove", "unlink", "remove \"%s\" in \"%s\"", name, tree->path);
	if (depth > DEPTH_MAX && move_up(tree, parent, name))
		return;
	fd = open_below_mounts(parent, name);
	TRY(fd, "remove", "open", "remove \"%s\" in \"%s\"", name, tree->path);
	remove_children(tree, fd, depth + 1);
	if (unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		fail("remove", "rmdir", "remove \"%s\" in \"%s\"", name, tree->path);
}

static void remove_tree(const char *path)
{
	struct tree tree = { .path = path };
	unsigned int moved;

	if (unlink(path) == 0 || errno == ENOENT)
		return;
	tree.top = open_directory(AT_FDCWD, path);
	TRY(tree.top, "remove", "open", "remove \"%s\"", path);
	do {
		int again = dup(tree.top);

		moved = tree.moved;
		(void)lseek(again, 0, SEEK_SET);
		remove_children(&tree, again, 0);
	} while (tree.moved != moved);
	close(tree.top);
	if (rmdir(path) < 0 && errno != ENOENT)
		fail("remove", "rmdir", "remove \"%s\"", path);
}

bool remove_step(const struct step *step)
{
	if (step->op == OP_REMOVE) {
		remove_tree(step->argv[0]);
		return true;
	}
	if (step->op == OP_RENAME) {
		if (rename(step->argv[0], step->argv[1]) < 0 && errno != ENOENT)
			fail("rename", "rename", "rename \"%s\" to \"%s\"", step->argv[0], step->argv[1]);
		return true;
	}
	return false;
}
