#include "wire/firewall.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

enum { HOSTS = 40, ZONES = 3, ROUNDS = 2000, WORD_MOST = 64 };

static void make(struct firewall *f)
{
	struct prefix v4, v6;

	assert_int_equal(firewall_init(f, "wg0", 51820), 0);
	assert_int_equal(prefix_read(&v4, "10.88.0.0/16"), 0);
	assert_int_equal(prefix_read(&v6, "fd00::/64"), 0);
	assert_int_equal(firewall_add_network(f, &v4), 0);
	assert_int_equal(firewall_add_network(f, &v6), 0);
}

static void add_zone(struct firewall *f, const char *name, uint16_t port)
{
	struct localservice s = { LOCALSERVICE_TCP, port, port, "" };

	assert_int_equal(firewall_add_zone(f, name), 0);
	assert_int_equal(firewall_add_service(f, &s), 0);
}

static struct prefix host(unsigned i)
{
	struct prefix p = { .family = i % 2 ? 4 : 6 };

	p.bits = (uint8_t)prefix_width(&p);
	p.address[0] = i % 2 ? 10 : 0xfd;
	p.address[3] = (uint8_t)(i + 2);
	return p;
}

static void names_and_ports_are_checked(void **state)
{
	static const char *const names[] = { "", "Oculus", "a b", "a;", "a\nb",
		"1a", "a{", "a\"", "a/b",
		"a-name-that-is-longer-than-a-zone-has" };
	static const struct localservice services[] = {
		{ LOCALSERVICE_TCP, 0, 5, "" },
		{ LOCALSERVICE_TCP, 6, 5, "" },
		{ 1, 5, 6, "" },
	};
	struct firewall f;

	(void)state;
	assert_int_equal(firewall_init(&f, "wg0\"", 1), FIREWALL_E_FORM);
	assert_int_equal(firewall_init(&f, "a b", 1), FIREWALL_E_FORM);
	assert_int_equal(firewall_init(&f, "wg0", 0), FIREWALL_E_FORM);
	make(&f);
	for (size_t i = 0; i < N_ELEMS(names); i++)
		if (firewall_add_zone(&f, names[i]) != FIREWALL_E_FORM)
			fail_msg("'%s' was taken", names[i]);
	add_zone(&f, "oculus", 443);
	assert_int_equal(firewall_add_zone(&f, "oculus"), FIREWALL_E_TWICE);
	for (size_t i = 0; i < N_ELEMS(services); i++)
		assert_int_equal(
		    firewall_add_service(&f, &services[i]), FIREWALL_E_FORM);
	firewall_deinit(&f);
	firewall_deinit(&f);
}

static void limits_are_kept(void **state)
{
	struct firewall f;
	struct localservice s = { LOCALSERVICE_UDP, 1, 2, "" };
	struct prefix p = host(0);
	int r = 0;
	unsigned n = 0;

	(void)state;
	make(&f);
	while (!r && n <= FIREWALL_NETWORKS_MOST) {
		r = firewall_add_network(&f, &p);
		n++;
	}
	assert_int_equal(r, FIREWALL_E_FULL);
	for (unsigned i = 0; i < FIREWALL_ZONES_MOST; i++) {
		char name[WORD_MOST];

		(void)snprintf(name, sizeof(name), "zone%u", i);
		add_zone(&f, name, 1);
	}
	assert_int_equal(firewall_add_zone(&f, "more"), FIREWALL_E_FULL);
	for (unsigned i = 1; i < FIREWALL_SERVICES_MOST; i++)
		assert_int_equal(firewall_add_service(&f, &s), 0);
	assert_int_equal(firewall_add_service(&f, &s), FIREWALL_E_FULL);
	for (unsigned i = 0; i < FIREWALL_MEMBERS_MOST; i++)
		assert_int_equal(firewall_add_member(&f, 0, &p), 0);
	assert_int_equal(firewall_add_member(&f, 0, &p), FIREWALL_E_FULL);
	assert_int_equal(firewall_seal(&f), FIREWALL_E_TWICE);
	firewall_deinit(&f);
}

static void has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("there is no '%s' in:\n%s", part, text);
}

static void the_text_says_what_was_asked(void **state)
{
	CLEANUP(free_p) char *text = NULL;
	struct localservice s = { LOCALSERVICE_UDP, 5000, 5010, "" };
	struct prefix four = host(1), six = host(0);
	struct firewall f;

	(void)state;
	make(&f);
	add_zone(&f, "oculus", 443);
	assert_int_equal(firewall_add_service(&f, &s), 0);
	add_zone(&f, "nobody", 22);
	assert_int_equal(firewall_add_member(&f, 0, &six), 0);
	assert_int_equal(firewall_add_member(&f, 0, &four), 0);
	assert_int_equal(firewall_seal(&f), 0);
	assert_int_equal(firewall_write(&f, &text), 0);
	has(text,
	    "table inet pharos_tether\ndelete table inet pharos_tether\n");
	has(text, "set pinned_tcp {\n\t\ttype inet_service\n"
		  "\t\tflags interval\n\t\tauto-merge\n"
		  "\t\telements = { 443, 22 }\n");
	has(text, "elements = { 5000-5010 }\n");
	has(text, "set zone_oculus_v4 {\n\t\ttype ipv4_addr\n"
		  "\t\telements = { 10.0.0.3 }\n");
	has(text, "set zone_nobody_v4 {\n\t\ttype ipv4_addr\n\t}\n");
	has(text, "elements = { fd00:2:: }\n");
	has(text, "ip6 saddr fd00::/64 counter drop\n");
	assert_null(strstr(text, "daddr 10.88.0.0/16 accept"));
	firewall_deinit(&f);
}

/* ---- changes ------------------------------------------------------------- */

struct members {
	bool in[ZONES][HOSTS];
};

static void fill(struct firewall *f, const struct members *m)
{
	make(f);
	add_zone(f, "a", 1);
	add_zone(f, "b", 2);
	add_zone(f, "c", 3);
	for (uint32_t z = 0; z < ZONES; z++)
		for (unsigned h = 0; h < HOSTS; h++) {
			struct prefix p = host(h);

			if (m->in[z][h])
				assert_int_equal(
				    firewall_add_member(f, z, &p), 0);
		}
	assert_int_equal(firewall_seal(f), 0);
}

static void change_one(
    struct members *m, const char *address, uint32_t zone, bool add)
{
	for (unsigned h = 0; h < HOSTS; h++) {
		struct prefix p = host(h);
		char text[PREFIX_TEXT_MOST + 1];

		prefix_write_host(text, &p);
		if (strcmp(text, address) != 0)
			continue;
		if (m->in[zone][h] == add)
			fail_msg("%s is there or not already", address);
		m->in[zone][h] = add;
		return;
	}
	fail_msg("%s is nobody", address);
}

/* Does what the text says, line by line, as the kernel would. */
static void apply(struct members *m, char *text)
{
	for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
		bool add = !strncmp(line, "add", 3);
		const char *zone = strstr(line, " zone_");
		char *list = strchr(line, '{');
		char *word;

		if (!*line)
			continue;
		assert_true(zone && list);
		while ((word = strsep(&list, "{}, ")))
			if (*word)
				change_one(
				    m, word, (uint32_t)(zone[6] - 'a'), add);
	}
}

static void a_change_leads_from_one_to_the_other(void **state)
{
	uint64_t seed = 88172645463325252U;

	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		CLEANUP(free_p) char *text = NULL;
		struct members before = { 0 }, after = { 0 };
		struct firewall from, to;

		for (unsigned k = 0; k < ZONES * HOSTS; k++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			(&before.in[0][0])[k] = seed >> 40 & 1;
			(&after.in[0][0])[k] = seed >> 41 & 7
						   ? (&before.in[0][0])[k]
						   : seed >> 50 & 1;
		}
		fill(&from, &before);
		fill(&to, &after);
		assert_int_equal(firewall_write_change(&from, &to, &text), 0);
		apply(&before, text);
		assert_memory_equal(&before, &after, sizeof(after));
		firewall_deinit(&from);
		firewall_deinit(&to);
	}
}

static void no_change_is_an_empty_text(void **state)
{
	CLEANUP(free_p) char *text = NULL;
	struct members m = { .in = { { true } } };
	struct firewall a, b;

	(void)state;
	fill(&a, &m);
	fill(&b, &m);
	assert_int_equal(firewall_write_change(&a, &b, &text), 0);
	assert_string_equal(text, "");
	firewall_deinit(&a);
	firewall_deinit(&b);
}

static void another_shape_needs_the_whole(void **state)
{
	struct members m = { .in = { { true } } };

	(void)state;
	for (unsigned what = 0; what < 6; what++) {
		struct firewall a, b;
		char *text = NULL;

		fill(&a, &m);
		fill(&b, &m);
		if (what == 0)
			b.port++;
		if (what == 1)
			b.peer_to_peer = true;
		if (what == 2)
			b.n_networks--;
		if (what == 3)
			b.n_zones--;
		if (what == 4)
			b.zones[1].services[0].last++;
		if (what == 5)
			b.interface[0] = 'x';
		assert_int_equal(
		    firewall_write_change(&a, &b, &text), FIREWALL_E_SHAPE);
		firewall_deinit(&a);
		firewall_deinit(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_ports_are_checked),
		cmocka_unit_test(limits_are_kept),
		cmocka_unit_test(the_text_says_what_was_asked),
		cmocka_unit_test(a_change_leads_from_one_to_the_other),
		cmocka_unit_test(no_change_is_an_empty_text),
		cmocka_unit_test(another_shape_needs_the_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
