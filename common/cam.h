/*
 * Class activation maps: from the activations of one place in a model and the gradient of a
 * class's logit with respect to them, how much each position speaks for that class.
 */
#ifndef SACCADE_CAM_H
#define SACCADE_CAM_H

#include <stdbool.h>
#include <stddef.h>

/*
 * a[channels, positions] the activation, g the gradient, relu+ = max(0, .), sums in double:
 *   gradcam    relu+ sum_c mean_p(g_c) a_c                        Selvaraju et al. 2017
 *   gradcam++  relu+ sum_c w_c a_c,  w_c = sum_p alpha relu+(g),
 *              alpha = g^2 / (2 g^2 + (sum_p a_c) g^3), 0 where g or the divisor is 0
 *                                                                 Chattopadhay et al. 2018
 *   hirescam   relu+ sum_c g a                                    Draelos & Carin 2020
 *   layercam   relu+ sum_c relu+(g) a                             Jiang et al. 2021
 *   xgradcam   relu+ sum_c w_c a_c,  w_c = sum_p(g a) / (sum_p a_c + 1e-7)
 *                                                                 Fu et al. 2020
 *   eigencam   relu+ of the first principal component of a over positions, each channel less
 *              its mean                                           Muhammad & Yeasin 2020
 */
enum cam_method {
    CAM_GRADCAM,
    CAM_GRADCAM_PLUS,
    CAM_HIRESCAM,
    CAM_LAYERCAM,
    CAM_XGRADCAM,
    CAM_EIGENCAM
};

struct cam {
    enum cam_method method;
    size_t channels, positions; /* none is 0 */
    const float *act, *grad;    /* [channels, positions]; eigencam takes no grad */
};

/* What a map should not be shown without. */
struct cam_doubts {
    size_t cancelled; /* xgradcam: channels that sum to under 1e-3 of what their sizes do */
    bool sign;        /* eigencam: the sides of the component can't be told apart */
};

enum { CAM_MAX_SIDE = 2048 }; /* eigencam: of the smaller of channels and positions */

/* How many doubles cam_map needs; 0 where eigencam would be too large. */
size_t cam_room(const struct cam *cam);

/*
 * map[positions]: raw values, none below 0. NaN where a sum has one; all NaN where eigencam
 * meets a number that isn't finite. The sign of eigencam's component is that by which the map
 * correlates with a's mean over channels.
 */
void cam_map(const struct cam *cam, double *room, float *map, struct cam_doubts *doubts);

#endif
