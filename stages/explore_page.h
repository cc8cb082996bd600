/* stages/explore.html as the program carries it; the Makefile makes it C. */
#ifndef SACCADE_EXPLORE_PAGE_H
#define SACCADE_EXPLORE_PAGE_H

extern const unsigned char explore_page[]; /* a NUL behind */

#endif
