#pragma once

#include <lensbench/dataset.hpp>

#include "text_activity.hpp"

namespace lensbench::neurons {

/// Mean number of active neurons at a token of the text, [block].
at::Tensor mean_active(const TextActivity& activity, const TextActivity::Neurons& neurons);

/// Whether the histogram holds every activation of every neuron.
Receipt histogram_is_complete(const TextActivity& activity, const TextActivity::Neurons& neurons);

/// Whether the squares summed by neuron are those summed by token.
Receipt squares_agree(const TextActivity& activity);

/// Whether a second forward of the prompt, which is the text, has as many active neurons.
Receipt active_neurons_agree(const MeasuredText& measured, const PromptActivity& prompt,
                             const TextActivity::Neurons& neurons);

}  // namespace lensbench::neurons
