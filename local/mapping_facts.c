/* SPDX-License-Identifier: MIT
 *
 * mapping_facts: see mapping_facts.h.
 */
#include "mapping_facts.h"

#include <string.h>

lk_slice lk_mapping_queue_name(const lk_mapping_facts *facts)
{
    const char *colon = strrchr(facts->queue_arn, ':');
    return lk_slice_of(colon ? colon + 1 : facts->queue_arn);
}

lk_slice lk_mapping_attribute(const lk_message *message, const char *name)
{
    for (size_t i = 0; i < message->attribute_count; i++)
        if (lk_slice_equal_str(message->attributes[i].name, name))
            return message->attributes[i].value;
    return (lk_slice){0};
}
