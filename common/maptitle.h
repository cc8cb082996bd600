/*
 * What a figure or a page says of a map, from its map.NAME.json: never more than is known
 * there.
 */
#ifndef SACCADE_MAPTITLE_H
#define SACCADE_MAPTITLE_H

#include "common/map.h"

/*
 * One or two lines: the layer and head ("layer 3, head 2") or what the method is called
 * ("attention rollout", "Grad-CAM at layer4"), or the map's name with that behind it; of a
 * difference what is taken from what ("Chefer et al. minus Grad-CAM"); with the query where it
 * isn't the default; below it the class that the map is of and its probability ("tabby, tabby
 * cat 83%"), where it is of one. index: which map of a [queries, rows, columns]. malloc'd;
 * NULL: no memory.
 */
char *map_title(const struct map *map, size_t index);

/* The model's name without its checksum into text, "" where it isn't known. */
void map_model(const struct map *map, char *text, size_t size);

/* What can be compared: the method, or where it isn't known the map's name, and its place. */
void map_quantity(const struct map *map, char *text, size_t size);

/* 1 + the index of the patch whose query a map is of, 0 where it is no patch's. */
uint32_t map_asker(const struct map *map, size_t index);

/* Whether anybody asks: in a map of attention a token does, in one of activations none. */
bool map_has_query(const struct map *map);

/* Who asks by default, in words for the caption: "from the class token"; NULL where the title
 * says it. */
const char *map_default_asker(const struct map *map);

/* The numbers of layer and head, -1 where there are none (or all heads were fused). */
void map_place(const struct map *map, int *layer, int *head);

#endif
