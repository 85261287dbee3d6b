#include <iostream>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/commands/actions.hpp"
#include "cli/commands/pictures/picture_facts.hpp"
#include "cli/parse/options.hpp"
#include "core/text/suggest.hpp"
#include "model/forward/transformer_model.hpp"
#include "model/stored_model.hpp"

namespace lensbench::cli {
namespace {

const char* norm_name(NormKind kind) {
  return kind == NormKind::layer_norm ? "LayerNorm" : "RMSNorm";
}

const char* position_name(PositionKind kind) {
  switch (kind) {
    case PositionKind::none:
      return "none";
    case PositionKind::learned:
      return "learned";
    case PositionKind::rotary:
      return "rotary";
    case PositionKind::alibi:
      return "ALiBi";
  }
  return "";
}

/// null for a model of text alone.
nlohmann::json tower_facts(const std::optional<VisionSpec>& spec) {
  if (!spec) return nullptr;
  return {{"n_layers", spec->n_layers},
          {"d_vision", spec->d_model},
          {"n_heads", spec->n_heads},
          {"d_head", spec->d_head()},
          {"d_mlp", spec->d_mlp},
          {"gated_mlp", spec->gated},
          {"norm", norm_name(spec->norm.kind)},
          {"patch_size", spec->patch_size},
          {"patches_of_token", spec->patches_of_token()},
          {"window_size", spec->window_size},
          {"full_attention_blocks", spec->full_attention_blocks}};
}

/// null for a model whose heads have keys and values of their own.
nlohmann::json latent_facts(const std::optional<LatentAttention>& latent) {
  if (!latent) return nullptr;
  return {{"d_q_latent", latent->query_rank},
          {"d_kv_latent", latent->key_value_rank},
          {"d_rotary", latent->d_rotary},
          {"d_value", latent->d_value}};
}

nlohmann::json facts_of(const TransformerSpec& spec) {
  return {{"family", spec.family},
          {"n_layers", spec.n_layers},
          {"d_model", spec.d_model},
          {"n_heads", spec.attention.n_heads},
          {"n_key_value_heads", spec.attention.n_key_value_heads},
          {"d_head", spec.attention.d_head},
          {"latent_attention", latent_facts(spec.latent)},
          {"d_mlp", spec.mlp.d_mlp},
          {"gated_mlp", spec.mlp.gated},
          {"vocab_size", spec.vocab_size},
          {"max_positions", spec.max_positions},
          {"norm", norm_name(spec.norm.kind)},
          {"positions", position_name(spec.position)},
          {"positions_end", position_limit(spec) == spec.max_positions},
          {"tied_unembedding", spec.tied_unembedding},
          {"vision", tower_facts(spec.vision)},
          {"hook_points", hook_points(spec).size()}};
}

nlohmann::json files_of(const Model& model) {
  nlohmann::json files = nlohmann::json::array();
  for (const auto& file : model.files())
    files.push_back({{"role", file.role},
                     {"path", file.path.string()},
                     {"bytes", std::filesystem::file_size(file.path)}});
  return files;
}

/// Facts from the opened model, not from its configuration: they say what lensbench computes with.
nlohmann::json facts_of(const StoredModel& stored) {
  const auto& model = *stored.model;
  const auto tokenizer = model.tokenizer();
  std::vector<std::string> notes = notes_of(model);
  // Notes about generation apply to runs that generate; here both kinds are of interest.
  const auto& of_generation = generation_notes_of(model);
  notes.insert(notes.end(), of_generation.begin(), of_generation.end());
  nlohmann::json facts = {
      {"directory", model.directory().string()},
      {"parameters", stored.parameters},
      {"weight_bytes", stored.weight_bytes},
      {"elements_by_dtype", stored.elements_by_dtype},
      {"tokenizer", tokenizer ? nlohmann::json(tokenizer->description()) : nlohmann::json()},
      {"end_of_sequence_ids", model.end_of_sequence_ids()},
      {"notes", notes},
      {"files", files_of(model)}};
  facts.update(facts_of(model.spec()));
  return facts;
}

std::string grouped(std::int64_t number) {
  std::string text = std::to_string(number);
  for (auto i = static_cast<std::int64_t>(text.size()) - 3; i > 0; i -= 3)
    text.insert(static_cast<std::size_t>(i), ",");
  return text;
}

/// Decimal megabytes, as file managers and download pages count; rounded to tenths in integers.
std::string megabytes(std::uint64_t bytes) {
  const auto tenths = (bytes + 50000) / 100000;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " MB";
}

std::string tower_text(const nlohmann::json& tower) {
  const auto number = [&](const char* key) { return grouped(tower[key].get<std::int64_t>()); };
  return number("n_layers") + " layers, d_vision " + number("d_vision") + ", d_mlp " +
         number("d_mlp") + (tower["gated_mlp"].get<bool>() ? " (gated), " : ", ") +
         number("n_heads") + " heads of " + number("d_head") + ", " +
         tower["norm"].get<std::string>();
}

/// Pixels of a patch, patches of a token, and windows.
std::string patches_text(const nlohmann::json& tower) {
  const auto number = [&](const char* key) { return grouped(tower[key].get<std::int64_t>()); };
  const std::string side = number("patch_size");
  std::string text = side + " x " + side + " pixels, " + number("patches_of_token") + " a token";
  if (tower["window_size"].get<std::int64_t>() == 0) return text;
  std::vector<std::string> blocks;
  blocks.reserve(tower["full_attention_blocks"].size());
  for (const auto& block : tower["full_attention_blocks"])
    blocks.push_back(std::to_string(block.get<std::int64_t>()));
  text += ", windows of " + number("window_size") + " pixels";
  return blocks.empty() ? text : text + " except in blocks " + join(blocks, ", ");
}

/// What keys and values belong to.
std::string keys_text(const nlohmann::json& facts) {
  const nlohmann::json& latent = facts["latent_attention"];
  if (latent.is_null())
    return grouped(facts["n_key_value_heads"].get<std::int64_t>()) + " key-value heads";
  return "keys and values from a latent vector of " +
         grouped(latent["d_kv_latent"].get<std::int64_t>());
}

/// Text for users from the JSON of scripts, so that both say the same.
void print_facts(const nlohmann::json& facts) {
  const auto line = [](const char* label, const std::string& value) {
    std::cout << "  " << label << std::string(14 - std::string_view(label).size(), ' ') << value
              << "\n";
  };
  const auto number = [&](const char* key) { return grouped(facts[key].get<std::int64_t>()); };
  std::cout << facts["directory"].get<std::string>() << "\n";
  line("family", facts["family"]);
  line("parameters",
       number("parameters") + " (" + megabytes(facts["weight_bytes"].get<std::uint64_t>()) + ")");
  line("layers", number("n_layers") + ", d_model " + number("d_model") + ", d_mlp " +
                     number("d_mlp") + (facts["gated_mlp"].get<bool>() ? " (gated)" : ""));
  line("attention", number("n_heads") + " heads of " + number("d_head") + ", " + keys_text(facts));
  line("positions", facts["positions"].get<std::string>() +
                        (facts["positions_end"].get<bool>() ? ", at most " : ", made for ") +
                        number("max_positions"));
  line("norm", facts["norm"]);
  line("vocabulary", number("vocab_size") + " tokens, unembedding " +
                         (facts["tied_unembedding"].get<bool>() ? "tied" : "untied"));
  if (const auto& tower = facts["vision"]; !tower.is_null()) {
    line("vision tower", tower_text(tower));
    line("patches", patches_text(tower));
  }
  line("tokenizer",
       facts["tokenizer"].is_null() ? "none (use --ids)" : facts["tokenizer"].get<std::string>());
  // Element types as stored, which may differ from the type of a run.
  std::vector<std::string> types;
  for (const auto& [type, count] : facts["elements_by_dtype"].items())
    types.push_back(grouped(count.get<std::int64_t>()) + " in " + type);
  line("stored", join(types, ", "));
  line("hook points", number("hook_points") + " (lensbench list hooks --model DIR)");
  for (const auto& [label, text] : picture_lines(facts)) line(label.c_str(), text);
  for (const auto& note : facts["notes"]) line("note", note.get<std::string>());
  for (const auto& file : facts["files"])
    line("file", file["path"].get<std::string>() + " (" + file["role"].get<std::string>() + ", " +
                     megabytes(file["bytes"].get<std::uint64_t>()) + ")");
}

}  // namespace

int run_model_info(const Options& options) {
  const StoredModel stored = open_as_stored(options.operand(0));
  auto facts = facts_of(stored);
  add_picture_facts(facts, stored.model->spec(), stored.model->directory(), options);
  if (options.flag("json"))
    std::cout << facts.dump(1) << "\n";
  else
    print_facts(facts);
  return 0;
}

}  // namespace lensbench::cli
