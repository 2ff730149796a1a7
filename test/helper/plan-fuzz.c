/* Feeds the plan parser with random and with mutated plans for a number of seconds; the sanitizers judge. */
#include "../../helpers/rrun/plan.h"
#include "../../helpers/rrun/sys.h"

static uint64_t state;

static uint32_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

static size_t put_field(char *bytes, size_t at, size_t size, const char *text)
{
	size_t len = strlen(text) + 1;

	if (at + len > size)
		return at;
	memcpy(bytes + at, text, len);
	return at + len;
}

static void random_word(char *word, size_t size)
{
	size_t len = next_random() % (size - 1);

	for (size_t i = 0; i < len; i++)
		word[i] = (char)(1 + next_random() % 255);
	word[len] = '\0';
}

/* Mostly well-formed records, so that the parser is not left at the door. */
static size_t make_plan(char *bytes, size_t size)
{
	static const char *const phases[] = { "monitor", "keeper", "init", "cleanup", "other" };
	size_t at = put_field(bytes, put_field(bytes, 0, size, "rrun-plan"), size, PLAN_PROTOCOL);
	uint32_t records = next_random() % 60;
	uint32_t phase = 0;
	char text[40];

	for (uint32_t r = 0; r < records; r++) {
		uint32_t op = 2 + next_random() % (OPS - 2);
		uint32_t count;

		if (next_random() % 4 == 0 || r == 0) {
			at = put_field(bytes, put_field(bytes, at, size, "phase"), size, "1");
			phase = next_random() % 100 == 0 ? 4 : next_random() % 4;
			at = put_field(bytes, at, size, phases[phase]);
			continue;
		}
		while (!(op_table[op].phases & 1u << phase) && phase < 4 && next_random() % 500 != 0)
			op = 2 + next_random() % (OPS - 2);
		count = (uint32_t)op_table[op].least +
			(op_table[op].most < 0 || next_random() % 500 == 0 ? next_random() % 4 : 0);
		at = put_field(bytes, at, size, op_table[op].name);
		(void)snprintf(text, sizeof(text), "%u", next_random() % 50 == 0 ? next_random() : count);
		at = put_field(bytes, at, size, text);
		for (uint32_t i = 0; i < count; i++) {
			random_word(text, sizeof(text));
			at = put_field(bytes, at, size, text);
		}
	}
	return put_field(bytes, put_field(bytes, at, size, "end"), size, "0");
}

static size_t mutate(char *bytes, size_t len, size_t size)
{
	uint32_t changes = next_random() % 6;

	for (uint32_t i = 0; i < changes && len > 0; i++) {
		size_t at = next_random() % len;

		switch (next_random() % 4) {
		case 0:
			bytes[at] = (char)next_random();
			break;
		case 1:
			bytes[at] = '\0';
			break;
		case 2:
			len = at;
			break;
		default:
			if (len < size) {
				memmove(bytes + at + 1, bytes + at, len - at);
				len++;
			}
		}
	}
	return len;
}

/* Touches everything that a parsed plan offers. */
static unsigned long walk(const struct plan *plan)
{
	unsigned long sum = 0;

	for (int i = 0; i < plan->count; i++) {
		unsigned long flags;
		long long value;

		for (int a = 0; a < plan->steps[i].argc; a++)
			sum += strlen(plan->steps[i].argv[a]) + parse_number(plan->steps[i].argv[a], -5, 5, &value);
		sum += parse_namespaces(&plan->steps[i], 0, &flags) +
		       (plan->steps[i].argv[plan->steps[i].argc] == NULL);
	}
	return sum;
}

int main(int argc, char **argv)
{
	static char bytes[1 << 16];
	time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 60);
	unsigned long rounds = 0;
	unsigned long accepted = 0;
	unsigned long sum = 0;

	state = (uint64_t)time(NULL) * 2654435761u + (uint64_t)getpid();
	printf("plan-fuzz: seed %llu\n", (unsigned long long)state);
	while (time(NULL) < end) {
		size_t len = next_random() % 10 == 0 ? next_random() % 4096 : make_plan(bytes, sizeof(bytes));
		struct plan plan;
		const char *why;
		char *exact;

		len = mutate(bytes, len, sizeof(bytes));
		exact = malloc(len ? len : 1);
		memcpy(exact, bytes, len);
		if (plan_parse(&plan, exact, len, &why) == PLAN_OK) {
			accepted++;
			sum += walk(&plan);
			plan_free(&plan);
		}
		free(exact);
		rounds++;
	}
	printf("plan-fuzz: %lu plans, %lu accepted (%lu)\n", rounds, accepted, sum);
	/* A fuzzer whose plans are all refused at the door tests nothing. */
	return accepted > 0 ? 0 : 1;
}
