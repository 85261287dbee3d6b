#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/model.hpp>
#include <vector>

#include "nodes.hpp"

namespace lensbench::paths {

/// Everything of one run that paths need, without batch axis.
struct RunState {
  at::Tensor embed;                  ///< [position, d_model]
  std::vector<at::Tensor> z;         ///< by block, [position, head, d_head]
  std::vector<at::Tensor> attn_out;  ///< by block, [position, d_model]
  std::vector<at::Tensor> mlp_out;   ///< by block, [position, d_model]
  std::vector<at::Tensor> resid;     ///< by block, what attention reads, [position, d_model]
  std::vector<at::Tensor> mlp_in;    ///< by block, what the MLP reads, [position, d_model]
  at::Tensor last;                   ///< [position, d_model]

  /// The stream that a receiver reads.
  const at::Tensor& input(const Receiver& receiver) const;
};

RunState read_run(const Model& model, const Tokens& tokens);

/// Base and source run of a pair, and what differs between them.
class RunPair {
 public:
  RunPair(const Model& model, const Tokens& base, const Tokens& source);

  const Model& model() const { return model_; }
  const Tokens& tokens() const { return tokens_; }  ///< tokens of the base run
  const RunState& base() const { return base_; }
  const RunState& source() const { return source_; }

  /// a_s(source) - a_s(base), [position, d_model] float64.
  at::Tensor difference(const Sender& sender) const;

 private:
  const Model& model_;
  const Tokens& tokens_;
  RunState base_, source_;
};

/// Positions where a difference is not 0 in every element.
std::vector<std::int64_t> changed_positions(const at::Tensor& difference);

/// base + difference, computed in float64, in the type of the base.
at::Tensor plus(const at::Tensor& base, const at::Tensor& difference);

/// What one run adds to the outputs of the base run, float64.
struct Injection {
  at::Tensor embed = {};              ///< undefined: nothing
  std::vector<at::Tensor> attn = {};  ///< by block; undefined: nothing
  std::vector<at::Tensor> mlp = {};   ///< by block; undefined: nothing
};

Injection injection_of(const TransformerSpec& spec, const Sender& sender,
                       const at::Tensor& difference);

/// The streams of runs in which attention keeps the output of the base run plus what is injected,
/// and MLPs run. Row i belongs to injection i; positions where it injects nothing are those of the
/// base run in every bit.
std::vector<RunState> run_mlps(const RunPair& pair, const std::vector<Injection>& injections);

}  // namespace lensbench::paths
