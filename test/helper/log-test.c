/* The json-file log: escapes, invalid UTF-8, lines that are cut, streams kept apart. */
#include "../../helpers/rrun/launch.h"
#include "test.h"

static char written[400000];

static struct log open_log(void)
{
	struct log log = { .fd = (int)syscall(SYS_memfd_create, "log", 0) };

	return log;
}

static const char *read_log(struct log *log)
{
	ssize_t got = pread(log->fd, written, sizeof(written) - 1, 0);

	written[got > 0 ? got : 0] = '\0';
	close(log->fd);
	return written;
}

static void escapes(void)
{
	static const struct {
		const char *in;
		const char *out;
	} rows[] = {
		{ "plain\n", "{\"log\":\"plain\\n\",\"stream\":\"stdout\",\"time\":\"" },
		{ "a\"b\\c\t\r\n", "{\"log\":\"a\\\"b\\\\c\\t\\r\\n\"," },
		{ "<&>\x01\x7f\n", "{\"log\":\"\\u003c\\u0026\\u003e\\u0001\\u007f\\n\"," },
		{ "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\n", "{\"log\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\\n\"," },
		{ "\xff\xc0\xaf\xed\xa0\x80\n", "{\"log\":\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\n\"," },
		{ "cut\xe2\x82\n", "{\"log\":\"cut\\ufffd\\ufffd\\n\"," },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct log log = open_log();

		log_write(&log, 0, rows[i].in, strlen(rows[i].in));
		CHECK(strncmp(read_log(&log), rows[i].out, strlen(rows[i].out)) == 0);
	}
}

static void keeps_partial_lines_apart(void)
{
	struct log log = open_log();
	const char *text;

	log_write(&log, 0, "one ", 4);
	log_write(&log, 1, "error\n", 6);
	log_write(&log, 0, "line", 4);
	log_flush(&log);
	text = read_log(&log);
	CHECK(strncmp(text, "{\"log\":\"error\\n\",\"stream\":\"stderr\"", 34) == 0);
	CHECK(strstr(text, "{\"log\":\"one line\",\"stream\":\"stdout\"") != NULL);
}

static void cuts_long_lines(void)
{
	struct log log = open_log();
	static char line[40000];
	int rows = 0;

	memset(line, '<', sizeof(line));
	log_write(&log, 0, line, sizeof(line));
	log_flush(&log);
	for (const char *at = read_log(&log); *at; at++)
		rows += *at == '\n';
	CHECK(rows == 3); /* 16 KiB each, as Docker cuts them */
}

void log_tests(void)
{
	escapes();
	keeps_partial_lines_apart();
	cuts_long_lines();
}
