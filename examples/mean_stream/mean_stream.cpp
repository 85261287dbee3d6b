#include <ATen/ATen.h>

#include <lensbench/activation_cache.hpp>
#include <lensbench/corpus.hpp>
#include <lensbench/plugin.hpp>
#include <lensbench/tensor_file.hpp>

using namespace lensbench;

/// Tool that learns from a text and resumes: the mean of the residual stream after each block over
/// all tokens of a corpus except the first of each window. Every `commit_every` windows its state
/// is kept on disk, so that an interrupted run that is resumed goes on after it.
class MeanStream final : public Tool {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"text", ParameterType::file, "generated:32", "",
       "file with one document in each line, or generated:N"},
      {"window", ParameterType::integer, "64", "tokens", "largest number of tokens in a window",
       "[2, 65536]"},
      {"commit_every", ParameterType::integer, "8", "1", "windows between two states on disk",
       "[1, 1000000]"},
  };

  Dataset run(const Request& request) override {
    const Parameters& p = request.parameters();
    CorpusOptions options;
    options.length = p.integer("window");
    options.min_length = 2;
    options.seed = request.seed();
    Corpus corpus(model(), p.text("text"), options);

    const std::int64_t n_blocks = model().spec().n_layers, width = model().spec().d_model;
    at::Tensor sum = at::zeros({n_blocks, width}, at::kDouble);
    std::int64_t windows = 0, tokens = 0;
    if (const auto state = context().committed("sum")) {
      sum = (*state)["sum"].tensor.clone();
      windows = (*state)["windows"].tensor.item<std::int64_t>();
      tokens = (*state)["tokens"].tensor.item<std::int64_t>();
      for (std::int64_t i = 0; i < windows; ++i) corpus.next();  // already counted
    }
    while (const auto window = corpus.next()) {
      if (context().cancelled()) throw RunError("mean_stream: stopped on request");
      const auto [logits, cache] =
          run_with_cache(model(), make_batch(window->tokens), {"blocks.*.hook_resid_post"},
                         {.logits = ForwardOptions::Logits::none});
      for (std::int64_t block = 0; block < n_blocks; ++block) {
        const auto name = "blocks." + std::to_string(block) + ".hook_resid_post";
        sum[block] += cache[name][0].slice(0, 1).to(at::kDouble).sum(0);
      }
      tokens += window->tokens.size() - 1;
      context().progress(++windows, 0);
      if (windows % p.integer("commit_every") == 0)
        context().commit("sum", state_of(sum, windows, tokens));
    }
    if (tokens == 0) throw UsageError("mean_stream: the text has no window of two tokens");
    Dataset result;
    result.add_coordinate("block", at::arange(n_blocks));
    result.add("mean", {"block", "d_model"}, sum / static_cast<double>(tokens), "1",
               "mean of the residual stream after the block");
    result.attributes["tokens"] = tokens;
    context().record_file(result, "text", p.text("text"));
    return result;
  }

 private:
  static Dataset state_of(const at::Tensor& sum, std::int64_t windows, std::int64_t tokens) {
    Dataset state;
    state.add("sum", {"block", "d_model"}, sum, "1", "sum of the stream");
    state.add("windows", {}, at::scalar_tensor(windows, at::kLong), "1", "windows in the sum");
    state.add("tokens", {}, at::scalar_tensor(tokens, at::kLong), "1", "tokens in the sum");
    return state;
  }
};

/// Tool that uses what the other one learned: the cosine of each token's stream with the mean.
class MeanCosine final : public Tool {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"mean", ParameterType::file, nullptr, "",
       "result of mean_stream: ARCHIVE.h5:results/mean_stream"},
  };

  Dataset run(const Request& request) override {
    const std::int64_t n_blocks = model().spec().n_layers, width = model().spec().d_model;
    const std::string& file = request.parameters().text("mean");
    const at::Tensor mean = TensorFile(file).read("mean", {n_blocks, width});
    const auto streams = context().activations(request.tokens(), {"blocks.*.hook_resid_post"});
    std::vector<at::Tensor> cosines;  // [token] for each block
    for (std::int64_t block = 0; block < n_blocks; ++block) {
      const auto name = "blocks." + std::to_string(block) + ".hook_resid_post";
      const at::Tensor stream = streams.at(name)[0].to(at::kDouble);
      cosines.push_back(at::cosine_similarity(stream, mean[block].unsqueeze(0), 1));
    }
    Dataset result;
    add_token_axis(result, request.tokens().ids, request.tokens().texts);
    result.add_coordinate("block", at::arange(n_blocks));
    result.add("cosine", {"block", "token"}, at::stack(cosines), "1",
               "cosine of the stream with the learned mean");
    context().record_file(result, "mean", file);
    return result;
  }
};

LENSBENCH_PLUGIN("mean_stream",
                 LENSBENCH_TOOL(MeanStream, "mean_stream", "1.0.0",
                                "Learns the mean of the residual stream over a text."),
                 LENSBENCH_TOOL(MeanCosine, "mean_cosine", "1.0.0",
                                "Compares the residual stream with a learned mean."));
