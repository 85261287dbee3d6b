#pragma once

#include <lensbench/result_spec.hpp>

namespace lensbench::neurons {

/// Variables of the results of `neuron_explorer`.
inline constexpr ResultSpec kExplorerResults[] = {
    {"top_activation", "neuron example", "1", "largest activations in the text, best first",
     View::general},
    {"example_activation", "example_row", "1",
     "activation at each top example; the coordinate example_text has the tokens around it",
     View::table},
    {"top_token", "neuron example", "1", "token of each top example", View::general},
    {"top_document", "neuron example", "1", "document of each top example, counted from 0",
     View::general},
    {"top_position", "neuron example", "1", "position of each top example in its document",
     View::general},
    {"context_activation", "context_token", "1", "activation at each token around a top example",
     View::general},
    {"quantile_activation", "neuron quantile sample", "1",
     "activations of examples from equal parts of the text's tokens, lowest first", View::general},
    {"quantile_token", "neuron quantile sample", "1", "token of each of these examples",
     View::general},
    {"quantile_document", "neuron quantile sample", "1", "document of each of these examples",
     View::general},
    {"quantile_position", "neuron quantile sample", "1",
     "position of each of these examples in its document", View::general},
    {"type_entropy", "neuron", "nats", "entropy of the tokens of the top examples", View::table},
    {"random_type_entropy", "", "nats", "the same of as many random tokens", View::general},
    {"context_spread", "neuron", "1",
     "1 less the mean cosine of the streams at the top examples, each less the mean stream",
     View::table},
    {"random_context_spread", "neuron", "1", "the same of as many random tokens", View::table},
    {"corpus_maximum", "neuron", "1", "largest activation in the text", View::table},
    {"mean_activation", "neuron", "1", "mean activation in the text", View::table},
    {"rms_activation", "neuron", "1", "root mean square of the activation in the text",
     View::table},
    {"output_top_value", "neuron sign rank", "1",
     "logits that a unit of activation adds directly, if the final norm's scale is 1",
     View::general, false},
    {"output_top_id", "neuron sign rank", "1", "tokens of these logits", View::table, false},
    {"input_top_value", "neuron sign rank", "1",
     "what the neuron reads of a token's embedding, if its norm's scale is 1", View::general,
     false},
    {"input_top_id", "neuron sign rank", "1", "tokens of these embeddings", View::table, false},
    {"gate_top_value", "neuron sign rank", "1", "what the gate reads of a token's embedding",
     View::general, false},
    {"gate_top_id", "neuron sign rank", "1", "tokens of these embeddings", View::general, false},
    {"activation", "neuron token", "1", "activation at each token of the prompt", View::heatmap},
    {"scale_effect", "neuron factor", "nats or 1",
     "change of the metric when the activation is multiplied by the factor", View::heatmap, false},
    {"interpolation", "mix", "nats or 1",
     "change of the metric when the first neuron takes part of the second's activation",
     View::trajectory, false},
    {"base_metric", "", "nats or 1", "metric of the unchanged prompt", View::general},
};

}  // namespace lensbench::neurons
