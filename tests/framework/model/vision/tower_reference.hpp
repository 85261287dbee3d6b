#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/erf.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <lensbench/spec.hpp>
#include <lensbench/tokens.hpp>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/weights/safetensors.hpp"

namespace lensbench::testing {

/// Patch of a picture, by its own counting.
struct ReferencePatch {
  std::int64_t picture, frame, row, column;
};

/// Patches in the order of `PictureRows`: squares of patches row by row, in each row by row.
inline std::vector<ReferencePatch> reference_patches(const std::vector<PictureRows>& pictures) {
  std::vector<ReferencePatch> patches;
  for (std::size_t p = 0; p < pictures.size(); ++p)
    for (std::int64_t frame = 0; frame < pictures[p].frames; ++frame)
      for (std::int64_t y = 0; y < pictures[p].height; y += 2)
        for (std::int64_t x = 0; x < pictures[p].width; x += 2)
          for (std::int64_t dy = 0; dy < 2; ++dy)
            for (std::int64_t dx = 0; dx < 2; ++dx)
              patches.push_back({static_cast<std::int64_t>(p), frame, y + dy, x + dx});
  return patches;
}

/// Every activation of the tower of a checkpoint in float64, from the definitions in
/// arXiv:2409.12191 and arXiv:2502.13923. Patches stay in the order of `PictureRows`: a window is a
/// mask over all pairs of patches, so nothing is permuted. Patterns and scores are [head, patch,
/// patch], minus infinity and 0 where a patch does not see another.
class TowerReference {
 public:
  /// Value that the computation continues with instead of an activation.
  using Change = std::function<at::Tensor(const std::string& name, const at::Tensor& value)>;

  TowerReference(const std::filesystem::path& checkpoint, const VisionSpec& spec,
                 const std::vector<PictureRows>& pictures, Change change = {})
      : file_(checkpoint / "model.safetensors"),
        spec_(spec),
        patches_(reference_patches(pictures)),
        change_(std::move(change)) {
    std::vector<at::Tensor> rows;
    rows.reserve(pictures.size());
    for (const PictureRows& picture : pictures) rows.push_back(picture.rows.to(at::kDouble));
    at::Tensor x =
        kept("vision_encoder.hook_patch_embed",
             at::matmul(at::cat(rows), weight("patch_embed.proj.weight").flatten(1).t()));
    for (std::int64_t block = 0; block < spec.n_layers; ++block) x = this->block(block, x);
    kept("vision_projector.hook_out", merged(kept("vision_projector.hook_in", x)));
  }

  const std::map<std::string, at::Tensor>& values() const { return values_; }
  const std::vector<ReferencePatch>& patches() const { return patches_; }

  /// The merger on any stream of the tower.
  at::Tensor merged(const at::Tensor& x) const {
    const auto as_it_is = [](const std::string&, const at::Tensor& value) { return value; };
    const at::Tensor joined = norm(x, "merger.ln_q", "", as_it_is).reshape({-1, 4 * spec_.d_model});
    const at::Tensor hidden = affine(joined, "merger.mlp.0");
    return affine(hidden.mul(0.5).mul(at::erf(hidden.div(std::sqrt(2.0))).add(1)), "merger.mlp.2");
  }

 private:
  bool newer() const { return spec_.gated; }

  at::Tensor weight(const std::string& name) const {
    for (const char* prefix : {"model.visual.", "visual."})
      if (file_.entries().contains(prefix + name))
        return file_.tensor(prefix + name).to(at::kDouble);
    throw std::out_of_range(name);
  }

  at::Tensor affine(const at::Tensor& x, const std::string& name) const {
    return at::matmul(x, weight(name + ".weight").t()).add(weight(name + ".bias"));
  }

  at::Tensor kept(const std::string& name, const at::Tensor& value) {
    return values_[name] = change_ ? change_(name, value) : value;
  }

  /// \param keep  called with each value and its name below `of`
  template <class Keep>
  at::Tensor norm(const at::Tensor& x, const std::string& name, const std::string& of,
                  const Keep& keep) const {
    const at::Tensor centred = newer() ? x : x.sub(x.mean(-1, true));
    const at::Tensor scale =
        keep(of + "hook_scale", centred.square().mean(-1, true).add(1e-6).sqrt());
    const at::Tensor normalized = keep(of + "hook_normalized", centred.div(scale));
    const at::Tensor gained = normalized.mul(weight(name + ".weight"));
    return keep(of + "hook_out", newer() ? gained : gained.add(weight(name + ".bias")));
  }

  /// [head, patch, d_head] turned by row and column.
  at::Tensor turned(const at::Tensor& x) const {
    const std::int64_t d = spec_.d_head(), quarter = d / 4;
    const auto n = static_cast<std::int64_t>(patches_.size());
    at::Tensor angles = at::empty({n, d / 2}, at::kDouble);
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t f = 0; f < quarter; ++f) {
        const ReferencePatch& patch = patches_[static_cast<std::size_t>(i)];
        const double turn =
            std::pow(10000.0, -2.0 * static_cast<double>(f) / (static_cast<double>(d) / 2.0));
        angles[i][f] = static_cast<double>(patch.row) * turn;
        angles[i][f + quarter] = static_cast<double>(patch.column) * turn;
      }
    const at::Tensor a = x.narrow(2, 0, d / 2), b = x.narrow(2, d / 2, d / 2);
    return at::cat({a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin()}, 2);
  }

  /// True where a patch does not see another.
  at::Tensor hidden(std::int64_t block) const {
    const auto& full = spec_.full_attention_blocks;
    const bool windows = spec_.window_size > 0 && std::count(full.begin(), full.end(), block) == 0;
    const std::int64_t side =
        windows ? spec_.window_size / spec_.patch_size : std::int64_t{1} << 30;
    const auto n = static_cast<std::int64_t>(patches_.size());
    at::Tensor mask = at::zeros({n, n}, at::kBool);
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j < n; ++j) {
        const ReferencePatch& a = patches_[static_cast<std::size_t>(i)];
        const ReferencePatch& b = patches_[static_cast<std::size_t>(j)];
        mask[i][j] = a.picture != b.picture || a.frame != b.frame || a.row / side != b.row / side ||
                     a.column / side != b.column / side;
      }
    return mask;
  }

  at::Tensor block(std::int64_t block, at::Tensor x) {
    const std::string of = "blocks." + std::to_string(block) + ".";
    const auto keep = [&](const std::string& name, const at::Tensor& value) {
      return kept("vision_encoder." + of + name, value);
    };
    x = keep("hook_resid_pre", x);
    const at::Tensor input = norm(x, of + "norm1", "ln1.", keep);
    const at::Tensor attended = keep("hook_attn_out", attention(of, block, input, keep));
    const at::Tensor middle = keep("hook_resid_mid", x.add(attended));
    const at::Tensor second = norm(middle, of + "norm2", "ln2.", keep);
    return keep("hook_resid_post", middle.add(keep("hook_mlp_out", mlp(of, second, keep))));
  }

  template <class Keep>
  at::Tensor attention(const std::string& of, std::int64_t block, const at::Tensor& input,
                       const Keep& keep) {
    const std::int64_t heads = spec_.n_heads, d = spec_.d_head(), width = spec_.d_model;
    const at::Tensor qkv = affine(input, of + "attn.qkv");
    std::vector<at::Tensor> by_head;
    by_head.reserve(3);
    for (std::int64_t part = 0; part < 3; ++part) {
      const at::Tensor x = qkv.narrow(1, part * width, width).reshape({-1, heads, d});
      by_head.push_back(keep(std::string("attn.hook_") + "qkv"[part], x).transpose(0, 1));
    }
    const auto turn = [&](const char* name, const at::Tensor& x) {
      return keep(name, turned(x).transpose(0, 1)).transpose(0, 1);
    };
    const at::Tensor q = turn("attn.hook_rot_q", by_head[0]);
    const at::Tensor k = turn("attn.hook_rot_k", by_head[1]);
    const at::Tensor scores =
        keep("attn.hook_attn_scores", at::matmul(q, k.transpose(1, 2))
                                          .div(std::sqrt(static_cast<double>(d)))
                                          .masked_fill(hidden(block), -INFINITY));
    const at::Tensor pattern = keep("attn.hook_pattern", scores.softmax(-1));
    const at::Tensor z = keep("attn.hook_z", at::matmul(pattern, by_head[2]).transpose(0, 1));
    return affine(z.reshape({-1, width}), of + "attn.proj");
  }

  template <class Keep>
  at::Tensor mlp(const std::string& of, const at::Tensor& input, const Keep& keep) {
    const at::Tensor pre =
        keep("mlp.hook_pre", affine(input, of + (newer() ? "mlp.gate_proj" : "mlp.fc1")));
    if (!newer()) {
      const at::Tensor post = keep("mlp.hook_post", pre.mul(pre.mul(1.702).sigmoid()));
      return affine(post, of + "mlp.fc2");
    }
    const at::Tensor up = keep("mlp.hook_pre_linear", affine(input, of + "mlp.up_proj"));
    return affine(keep("mlp.hook_post", pre.mul(pre.sigmoid()).mul(up)), of + "mlp.down_proj");
  }

  SafetensorsFile file_;
  VisionSpec spec_;
  std::vector<ReferencePatch> patches_;
  Change change_;
  std::map<std::string, at::Tensor> values_;
};

}  // namespace lensbench::testing
