/* The container's log in Docker's json-file form: {"log":"…","stream":"stdout","time":"RFC 3339"} a line. */
#include "launch.h"

void format_time(char *text, size_t size, const struct timespec *at)
{
	struct tm utc;
	char seconds[32];

	gmtime_r(&at->tv_sec, &utc);
	(void)strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &utc);
	(void)snprintf(text, size, "%s.%09ldZ", seconds, at->tv_nsec);
}

/* Length of the UTF-8 sequence at `s`, 0 when it is not one (RFC 3629: no overlong forms, no surrogates). */
static size_t utf8_length(const unsigned char *s, size_t left)
{
	static const unsigned char least[] = { 0, 0, 0x80, 0xa0, 0x90 };
	size_t len = *s < 0x80 ? 1 : *s < 0xc2 ? 0 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : *s < 0xf5 ? 4 : 0;

	if (len == 0 || len > left)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((*s == 0xe0 || *s == 0xf0) && s[1] < least[len])
		return 0;
	if ((*s == 0xed && s[1] > 0x9f) || (*s == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

/* Escapes as Docker does (JSON, and <, >, & as \u00XX). `out` has room for 6 bytes per input byte. */
static size_t json_escape(char *out, const char *in, size_t len)
{
	static const char shorts[] = "\"\"\\\\\nn\rr\tt";
	static const char hex[] = "0123456789abcdef";
	char *o = out;

	for (size_t i = 0; i < len;) {
		unsigned char c = (unsigned char)in[i];
		size_t run = utf8_length((const unsigned char *)in + i, len - i);
		const char *s = shorts;

		if (c >= ' ' && c < 0x7f && !strchr("\"\\<>&", c)) {
			*o++ = in[i++];
			continue;
		}
		while (*s && (unsigned char)*s != c)
			s += 2;
		if (c != 0 && *s) {
			*o++ = '\\';
			*o++ = s[1];
		} else if (run == 0) {
			memcpy(o, "\\ufffd", 6);
			o += 6;
			run = 1;
		} else if (c < 0x20 || c == 0x7f || c == '<' || c == '>' || c == '&') {
			memcpy(o, "\\u00", 4);
			o[4] = hex[c >> 4];
			o[5] = hex[c & 15];
			o += 6;
		} else {
			memcpy(o, in + i, run);
			o += run;
		}
		i += run;
	}
	return (size_t)(o - out);
}

static char records[1 << 17];
static size_t records_len;

/* A full disk loses log lines, never the container. */
static void write_records(const struct log *log)
{
	for (size_t done = 0; done < records_len;) {
		ssize_t put = write(log->fd, records + done, records_len - done);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			break;
		done += (size_t)put;
	}
	records_len = 0;
}

static void add_record(struct log *log, int stream, const char *time)
{
	if (records_len + log->len[stream] * 6 + 128 > sizeof(records))
		write_records(log);
	memcpy(records + records_len, "{\"log\":\"", 8);
	records_len += 8;
	records_len += json_escape(records + records_len, log->line[stream], log->len[stream]);
	records_len += (size_t)sprintf(records + records_len, "\",\"stream\":\"%s\",\"time\":\"%s\"}\n",
				       stream == 0 ? "stdout" : "stderr", time);
	log->len[stream] = 0;
}

static void current_time(char text[64])
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	format_time(text, 64, &now);
}

/* What was read at once has one time and, as far as it fits, is written at once. */
void log_write(struct log *log, int stream, const char *data, size_t len)
{
	char time[64];

	if (log->fd < 0)
		return;
	current_time(time);
	for (size_t i = 0; i < len;) {
		size_t room = sizeof(log->line[stream]) - log->len[stream];
		const char *end = memchr(data + i, '\n', len - i < room ? len - i : room);
		size_t part = end ? (size_t)(end - data) - i + 1 : len - i < room ? len - i : room;

		memcpy(log->line[stream] + log->len[stream], data + i, part);
		log->len[stream] += part;
		i += part;
		if (end || log->len[stream] == sizeof(log->line[stream]))
			add_record(log, stream, time);
	}
	write_records(log);
}

void log_flush(struct log *log)
{
	char time[64];

	current_time(time);
	for (int stream = 0; stream < 2; stream++)
		if (log->fd >= 0 && log->len[stream] > 0)
			add_record(log, stream, time);
	if (log->fd >= 0)
		write_records(log);
}
