/* base/yamlplain.h: the plainest form of a YAML document, read line by line.
 *
 * It is the form that programs write: `name: value` with a value that is one
 * word, a text in double quotes without an escape, or a list of these in
 * brackets; lists of blocks whose lines begin with "- " and "  ". Such a file
 * of thousands of blocks is read in a tenth of libyaml's time. What is written
 * otherwise by a line of it (a comment, a blank line) is valid YAML and not
 * plain: base/yaml.h, which alone uses this, gives it to libyaml. Both tell the
 * same entries at the same places.
 */
#pragma once
#include "base/yaml.h"

/** yamlplain_is() - is it plain throughout, and within the limits of
 * base/yaml.h? @blocks: may there be lists of blocks? */
bool yamlplain_is(const struct yaml_source *source, bool blocks);
/** yamlplain_parse() - call @on_entry for each entry of what is plain
 * Return: 0; or what @on_entry returned. */
MUST_USE int yamlplain_parse(const struct yaml_source *source,
    yaml_on_entry on_entry, void *context, struct fault *fault);
