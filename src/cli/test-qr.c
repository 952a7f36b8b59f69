#include "cli/qr.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { QUIET = 4 };

static struct qr *code_of(const char *text)
{
	CLEANUP(secret_freep) struct secret *s = NULL;
	struct fault fault = FAULT_NONE;
	struct qr *q;

	assert_int_equal(secret_from(&s, text, strlen(text)), 0);
	if (qr_new(&q, s, &fault))
		fail_msg("%s", fault.text);
	return q;
}

/* What @draw wrote. */
static char *drawn(const struct qr *q, int (*draw)(FILE *, const struct qr *))
{
	char *text;
	size_t n;
	FILE *to = open_memstream(&text, &n);

	assert_non_null(to);
	assert_int_equal(draw(to, q), 0);
	assert_int_equal(fclose(to), 0);
	return text;
}

static int draw_terminal(FILE *to, const struct qr *q)
{
	qr_print(to, q);
	return 0;
}

/* ---- a vector ------------------------------------------------------------ */

/* Version 1, level Q. zbarimg reads "WireGuard" in it. */
enum { SIDE = 21 };
static const char golden[SIDE][SIDE + 1] = {
	"#######.#...#.#######",
	"#.....#..##.#.#.....#",
	"#.###.#.#.#...#.###.#",
	"#.###.#.##..#.#.###.#",
	"#.###.#..#..#.#.###.#",
	"#.....#.#..#..#.....#",
	"#######.#.#.#.#######",
	"........#............",
	".#.#.######..###.##.#",
	"##.#.......###..#####",
	"....###...#..#.#.##.#",
	".#..##....#.#.#..#...",
	"..##..#..#..#...##.##",
	"........#..###.#.#.#.",
	"#######.###.#..###.#.",
	"#.....#.####.#.......",
	"#.###.#...#.####...#.",
	"#.###.#.#..#....##.##",
	"#.###.#...#.#..####.#",
	"#.....#.###..##......",
	"#######....##..#####.",
};

static bool golden_black(int x, int y)
{
	return x >= 0 && y >= 0 && x < SIDE && y < SIDE && golden[y][x] == '#';
}

static void an_svg_has_the_modules(void **state)
{
	CLEANUP(qr_freep) struct qr *q = code_of("WireGuard");
	CLEANUP(free_p) char *svg = drawn(q, qr_svg);

	(void)state;
	assert_non_null(strstr(svg, "viewBox=\"0 0 29 29\""));
	for (int y = -QUIET; y < SIDE + QUIET; y++)
		for (int x = -QUIET; x < SIDE + QUIET; x++) {
			char module[32];

			(void)snprintf(module, sizeof(module), "M%d %dh1v1h-1z",
			    x + QUIET, y + QUIET);
			if (golden_black(x, y) != (strstr(svg, module) != NULL))
				fail_msg("at %d, %d", x, y);
		}
}

static void a_terminal_has_the_modules(void **state)
{
	static const char *const halves[2][2] = {
		{ " ", "\xe2\x96\x84" },
		{ "\xe2\x96\x80", "\xe2\x96\x88" },
	};
	CLEANUP(qr_freep) struct qr *q = code_of("WireGuard");
	CLEANUP(free_p) char *text = drawn(q, draw_terminal);
	char expected[8000];
	size_t n = 0;

	(void)state;
	for (int y = -QUIET; y < SIDE + QUIET; y += 2) {
		n += (size_t)snprintf(expected + n, sizeof(expected) - n,
		    "\033[38;5;16;48;5;231m");
		for (int x = -QUIET; x < SIDE + QUIET; x++)
			n += (size_t)snprintf(expected + n,
			    sizeof(expected) - n, "%s",
			    halves[golden_black(x, y)][golden_black(x, y + 1)]);
		n += (size_t)snprintf(
		    expected + n, sizeof(expected) - n, "\033[0m\n");
	}
	assert_string_equal(text, expected);
}

/* ---- sizes --------------------------------------------------------------- */

static const struct {
	size_t n;
	int side; /* modules, with the quiet ones; 0: it is refused */
} sizes[] = { { 1, 29 }, { 17, 29 }, { 18, 33 }, { 300, 69 }, { 718, 97 },
	{ 719, 0 }, { 3000, 0 } };

static void what_phones_do_not_read_is_refused(void **state)
{
	char text[3001];

	(void)state;
	for (size_t i = 0; i < N_ELEMS(sizes); i++) {
		CLEANUP(secret_freep) struct secret *s = NULL;
		CLEANUP(qr_freep) struct qr *q = NULL;
		struct fault fault = FAULT_NONE;
		char box[40];
		int r;

		memset(text, 'a', sizes[i].n);
		assert_int_equal(secret_from(&s, text, sizes[i].n), 0);
		r = qr_new(&q, s, &fault);
		if (r != (sizes[i].side ? 0 : -E2BIG) || r != fault.code)
			fail_msg("%zu: %d", sizes[i].n, r);
		if (r) {
			assert_non_null(strstr(fault.text, "at most 718"));
			assert_non_null(strstr(fault.hint, "pre-shared"));
			continue;
		}
		(void)snprintf(box, sizeof(box), "viewBox=\"0 0 %d %d\"",
		    sizes[i].side, sizes[i].side);
		{
			CLEANUP(free_p) char *svg = drawn(q, qr_svg);

			if (!strstr(svg, box))
				fail_msg("%zu: %.120s", sizes[i].n, svg);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_svg_has_the_modules),
		cmocka_unit_test(a_terminal_has_the_modules),
		cmocka_unit_test(what_phones_do_not_read_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
