#ifndef LOCKSTEP_CLIENT_CLI_SMOOTHING_H_
#define LOCKSTEP_CLIENT_CLI_SMOOTHING_H_

// A noisy curve as TensorBoard's slider smooths it: an exponential moving
// average without the bias towards the 0 it starts at,
//
//   m_i = w m_(i-1) + (1 - w) y_i,   m_0 = 0,   s_i = m_i / (1 - w^i)
//
// over the finite points, i = 1, 2, ...; others are passed on as they are, and
// a constant curve stays what it is to the last bit
// (classicSmoothing in tensorboard/webapp/widgets/line_chart_v2/
// data_transformer.ts; the correction is Adam's, arXiv:1412.6980, section 3).

#include <vector>

#include "client/cli/plot.h"

namespace lockstep::cli {

// `weight` in [0, 1); 0 changes nothing.
std::vector<PlotPoint> Smoothed(std::vector<PlotPoint> points, double weight);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_SMOOTHING_H_
