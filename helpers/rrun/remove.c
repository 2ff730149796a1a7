/* Removes trees whatever they hold: as root of the mapped namespace, by descriptor, never following a link. */
#include "launch.h"
#include "report.h"

static void remove_at(int parent, const char *name, const char *tree, int depth);

static void remove_children(int dir_fd, const char *tree, int depth)
{
	DIR *dir = fdopendir(dir_fd);
	struct dirent *entry;

	if (!dir)
		fail("remove", "fdopendir", "remove \"%s\"", tree);
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			remove_at(dir_fd, entry->d_name, tree, depth);
	closedir(dir);
}

static void remove_at(int parent, const char *name, const char *tree, int depth)
{
	int fd;

	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
		return;
	if (errno != EISDIR && errno != EPERM && errno != EBUSY)
		fail("remove", "unlink", "remove \"%s\" in \"%s\"", name, tree);
	/* Deeper than any path can name, it would take one descriptor a level: move it up and go on there. */
	if (depth > 500) {
		errno = ELOOP;
		fail("remove", "unlink", "remove \"%s\": more than 500 levels", tree);
	}
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == EACCES && fchmodat(parent, name, 0700, 0) == 0)
		fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	TRY(fd, "remove", "open", "remove \"%s\" in \"%s\"", name, tree);
	remove_children(fd, tree, depth + 1);
	if (unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		fail("remove", "rmdir", "remove \"%s\" in \"%s\"", name, tree);
}

bool remove_step(const struct step *step)
{
	if (step->op == OP_REMOVE) {
		remove_at(AT_FDCWD, step->argv[0], step->argv[0], 0);
		return true;
	}
	if (step->op == OP_RENAME) {
		if (rename(step->argv[0], step->argv[1]) < 0 && errno != ENOENT)
			fail("rename", "rename", "rename \"%s\" to \"%s\"", step->argv[0], step->argv[1]);
		return true;
	}
	return false;
}
