#include "model/weights/visit_weights.hpp"

namespace lensbench {
namespace {

void visit_linear(Linear& linear, const VisitWeight& visit) {
  for (at::Tensor* x : {&linear.weight, &linear.bias}) visit(*x);
}

void visit_norm(NormWeights& norm, const VisitWeight& visit) {
  for (at::Tensor* x : {&norm.gain, &norm.bias}) visit(*x);
}

/// Many tensors of a struct do not exist in a model of another kind.
VisitWeight of_defined(const VisitWeight& visit) {
  return [&visit](at::Tensor& tensor) {
    if (tensor.defined() && tensor.numel() > 0) visit(tensor);
  };
}

}  // namespace

void visit_block(BlockWeights& block, const VisitWeight& given) {
  const VisitWeight visit = of_defined(given);
  for (NormWeights* norm :
       {&block.ln1, &block.ln2, &block.ln1_post, &block.ln2_post, &block.q_norm, &block.k_norm})
    visit_norm(*norm, visit);
  for (Linear* linear : {&block.qkv, &block.q, &block.k, &block.v, &block.o, &block.gate, &block.in,
                         &block.out, &block.router, &block.shared_expert_gate})
    visit_linear(*linear, visit);
  const auto visit_expert = [&](ExpertWeights& expert) {
    for (Linear* linear : {&expert.gate, &expert.in, &expert.out}) visit_linear(*linear, visit);
  };
  for (ExpertWeights& expert : block.experts) visit_expert(expert);
  visit_expert(block.shared_expert);
  LatentWeights& latent = block.latent;
  for (NormWeights* norm : {&latent.query_norm, &latent.key_value_norm}) visit_norm(*norm, visit);
  for (Linear* linear :
       {&latent.query_in, &latent.query_out, &latent.key_value_in, &latent.key_value_out})
    visit_linear(*linear, visit);
  visit(block.router_correction);
  visit(block.sinks);
  for (at::Tensor* x :
       {&block.xielu.alpha_p, &block.xielu.alpha_n, &block.xielu.beta, &block.xielu.eps})
    visit(*x);
}

void visit_tower(TowerWeights& tower, const VisitWeight& given) {
  const VisitWeight visit = of_defined(given);
  for (Linear* linear : {&tower.patch_embed, &tower.merger_in, &tower.merger_out})
    visit_linear(*linear, visit);
  visit_norm(tower.merger_norm, visit);
  for (TowerBlockWeights& block : tower.blocks) {
    for (NormWeights* norm : {&block.norm1, &block.norm2}) visit_norm(*norm, visit);
    for (Linear* linear : {&block.qkv, &block.o, &block.gate, &block.in, &block.out})
      visit_linear(*linear, visit);
  }
}

void visit_outside_blocks(ModelWeights& weights, const VisitWeight& given) {
  const VisitWeight visit = of_defined(given);
  for (at::Tensor* x : {&weights.embedding, &weights.positions, &weights.token_types}) visit(*x);
  visit_norm(weights.ln_embed, visit);
  for (Linear* linear : {&weights.project_in, &weights.prediction_head, &weights.project_out})
    visit_linear(*linear, visit);
  visit_norm(weights.ln_final, visit);
  for (at::Tensor* x : {&weights.unembedding.weight, &weights.unembedding.bias}) visit(*x);
}

void visit_weights(ModelWeights& weights, const VisitWeight& visit) {
  visit_outside_blocks(weights, visit);
  for (BlockWeights& block : weights.blocks) visit_block(block, visit);
  visit_tower(weights.tower, visit);
}

}  // namespace lensbench
