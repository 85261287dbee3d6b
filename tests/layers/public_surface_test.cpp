// The public headers hold what authors of tools and experiments need, and nothing of the bench's
// own: the ways of the bench into their classes are private, and friends of it use them
// (framework/bench/access).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "support/folders.hpp"

namespace lensbench {
namespace {

using ::testing::IsEmpty;
using Words = std::set<std::string>;

const std::filesystem::path kSources =
    std::filesystem::path(testing::source_folder()) / "framework";

/// Words and single characters of C++ without comments, texts and directives.
std::vector<std::string> tokens_of_code(const std::string& text) {
  static const std::regex ignored(
      R"re(//[^\n]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|(?:^|\n)#(?:[^\n\\]|\\[\s\S])*)re");
  static const std::regex token(R"re(~?[A-Za-z_]\w*|::|[^\s])re");
  const std::string code = std::regex_replace(text, ignored, " ");
  return {std::sregex_token_iterator(code.begin(), code.end(), token),
          std::sregex_token_iterator()};
}

bool is_word(const std::string& token) {
  return token.size() > 1 ? token != "::" : std::isalpha(static_cast<unsigned char>(token[0])) != 0;
}

/// What a header shows to those who include it: all but private parts of classes and the bodies of
/// functions.
class PublicPart {
 public:
  explicit PublicPart(const std::string& text) {
    for (const std::string& token : tokens_of_code(text)) take(token);
  }

  Words words;     ///< every word
  Words declared;  ///< types that are named in a declaration of their own
  Words defined;   ///< types that are defined
  /// Functions and fields of each class, without deleted ones; under "" functions of namespaces.
  std::map<std::string, Words> members;

 private:
  struct Scope {
    std::string type;  ///< name of a class; empty: a namespace, the body of a function, a list
    bool visible = true;
  };

  bool visible() const {
    return std::all_of(scopes_.begin(), scopes_.end(), [](const Scope& s) { return s.visible; });
  }

  void take(const std::string& token) {
    if (token == "(") ++parentheses_;
    if (token == ")") --parentheses_;
    const bool ends = parentheses_ == 0 && (token == ";" || token == "{" || token == "}");
    const bool is_label = token == ":" && statement_.size() == 1 && !scopes_.empty() &&
                          Words{"public", "protected", "private"}.contains(statement_[0]);
    if (is_label)
      scopes_.back().visible = statement_[0] != "private";
    else if (!ends)
      statement_.push_back(token);
    if (ends) end_statement(token);
    if (ends || is_label) statement_.clear();
  }

  void end_statement(const std::string& token) {
    const std::string type = type_of_statement();
    if (visible()) {
      for (const std::string& word : statement_)
        if (is_word(word)) words.insert(word);
      if (!type.empty()) (token == "{" ? defined : declared).insert(type);
      if (type.empty() && !scopes_.empty()) note_member();
    }
    if (token == "{") open(type);
    if (token == "}") scopes_.pop_back();
  }

  /// A statement opens a namespace, a type, or what a reader does not see: a body, a list of
  /// values.
  void open(const std::string& type) {
    const bool is_namespace = !statement_.empty() && statement_[0] == "namespace";
    const bool is_class = !type.empty() && statement_[0] != "enum";
    scopes_.push_back({is_class ? type : "", is_namespace || !type.empty()});
    if (is_class && std::ranges::count(statement_, "class") > 0) scopes_.back().visible = false;
  }

  /// Name of the type that a statement declares or defines; empty if it is something else.
  std::string type_of_statement() const {
    std::size_t at = 0;
    if (at < statement_.size() && statement_[at] == "template")
      while (at < statement_.size() && statement_[at++] != ">") continue;
    const bool is_enum = at < statement_.size() && statement_[at] == "enum";
    if (is_enum) ++at;
    if (at >= statement_.size() || (statement_[at] != "class" && statement_[at] != "struct"))
      return "";
    while (++at < statement_.size() && statement_[at] == "LENSBENCH_API") continue;
    const bool ends =
        at + 1 == statement_.size() ||
        Words{":", "final"}.contains(at + 1 < statement_.size() ? statement_[at + 1] : "");
    return at < statement_.size() && ends ? statement_[at] : "";
  }

  /// The name of a function is before its parameters, that of a field at its end or before a value.
  void note_member() {
    if (statement_.empty() || statement_.back() == "delete" || statement_[0] == "using") return;
    const std::string& type = scopes_.back().type;
    if (type.empty() && std::ranges::count(statement_, "(") == 0) return;
    std::string name;
    for (const std::string& token : statement_) {
      if (token == "(" || token == "=") break;
      if (is_word(token)) name = token;
    }
    members[type].insert(name);
  }

  std::vector<Scope> scopes_;
  std::vector<std::string> statement_;
  int parentheses_ = 0;
};

std::string text_of(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::vector<std::filesystem::path> public_headers() {
  std::vector<std::filesystem::path> headers;
  for (const auto& entry : std::filesystem::directory_iterator(kSources / "include/lensbench"))
    if (entry.is_regular_file()) headers.push_back(entry.path());
  return headers;
}

/// All public headers together.
PublicPart public_part() {
  std::string all;
  for (const auto& header : public_headers()) all += text_of(header) + "\n";
  return PublicPart(all);
}

/// Types of the headers of the framework that are not public.
Words types_of_the_bench() {
  static const std::regex type(
      R"re((?:^|\n)(?:struct|class|enum class) (?:\w+::)*(\w+)(?: final)?(?: : [^\n]*)? \{)re");
  Words found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kSources)) {
    if (entry.path().extension() != ".hpp") continue;
    if (entry.path().string().find("/include/lensbench/") != std::string::npos) continue;
    const std::string text = text_of(entry.path());
    for (std::sregex_iterator match(text.begin(), text.end(), type), end; match != end; ++match)
      found.insert((*match)[1]);
  }
  return found;
}

TEST(PublicPart, IsWhatIsNotPrivateAndNotABody) {
  const PublicPart part(R"re(
    struct Later;  // struct Comment;
    template <class T> class LENSBENCH_API One final : public Two {
      int hidden();
     public:
      One(const One&) = delete;
      explicit One(Three x = {}) : Two(x) { body(); }
      virtual bool shown(std::function<void(int)> f) const = 0;
      struct State;
      Four field = {};
     private:
      Five secret;
      struct Six { Seven inside; };
    };
    enum class Kind { first };
    namespace inner { int outside(One one); const int kNumber = 2; })re");
  EXPECT_EQ(part.members,
            (std::map<std::string, Words>{{"One", {"One", "shown", "field"}}, {"", {"outside"}}}));
  EXPECT_EQ(part.declared, (Words{"Later", "State"}));
  EXPECT_EQ(part.defined, (Words{"One", "Kind"}));
  for (const char* word : {"Two", "Three", "Four"}) EXPECT_TRUE(part.words.contains(word)) << word;
  for (const char* word : {"Comment", "hidden", "body", "Five", "Six", "Seven"})
    EXPECT_FALSE(part.words.contains(word)) << word;
}

TEST(PublicHeaders, NameTypesOfTheBenchInPrivatePartsAlone) {
  const PublicPart part = public_part();
  const Words of_the_bench = types_of_the_bench();
  ASSERT_TRUE(of_the_bench.contains("RunServices") && of_the_bench.contains("SequencePlace"));
  Words named;
  for (const std::string& type : of_the_bench)
    if (part.words.contains(type) && !part.defined.contains(type)) named.insert(type);
  EXPECT_THAT(named, IsEmpty());
}

TEST(PublicHeaders, DefineEveryTypeThatTheyDeclare) {
  const PublicPart part = public_part();
  Words incomplete;
  std::ranges::set_difference(part.declared, part.defined,
                              std::inserter(incomplete, incomplete.end()));
  EXPECT_THAT(incomplete, IsEmpty());
}

/// What a header gives: types, also those inside of others, and functions outside of them.
struct Given {
  Words types, functions;
};

TEST(PublicHeaders, GiveAuthorsTheseTypesAndFunctionsOfTheBench) {
  const std::map<std::string, Given> expected = {
      {"context", {{"Context"}, {}}},
      {"dataset",
       {{"Holds", "Variable", "Receipt", "Dataset"},
        {"make_receipt", "is_worse", "add_token_axis", "add_layer_axis"}}},
      {"experiment", {{"CaseInput", "Summary", "Case", "Experiment"}, {}}},
      {"hooks",
       {{"PicturePart", "HookPoint", "RowPositions", "Hooks", "Entry"},
        {"hook_points", "residual_hook", "match_hook_points", "activation_name", "row_positions"}}},
      {"model",
       {{"ModelOptions", "KeyValueCache", "ForwardOptions", "Logits", "ForwardOutput",
         "Unembedding", "Model"},
        {"model_families"}}},
      {"parameters",
       {{"ParameterType", "ParameterSpec", "ParameterInfo", "Parameters"},
        {"is_list", "describe", "expectation"}}},
      {"plugin_descriptor",
       {{"PluginEntryKind", "PluginEntry", "PluginFactory", "PluginFactories"}, {}}},
      {"request", {{"Picture", "Request"}, {}}},
      {"tool", {{"CostEstimate", "Tool"}, {}}},
      {"uses", {{"ToolSlot", "Uses"}, {}}},
  };
  for (const auto& [header, given] : expected) {
    PublicPart part(text_of(kSources / "include/lensbench" / (header + ".hpp")));
    EXPECT_EQ(part.defined, given.types) << header;
    EXPECT_EQ(part.members[""], given.functions) << header;
  }
}

// Whoever adds a name here says that authors need it; what only the bench calls is private, with
// a friend in framework/bench/access.
TEST(PublicHeaders, GiveAuthorsTheseMembersOfWhatTheBenchMakes) {
  const std::map<std::string, Words> members = public_part().members;
  const std::map<std::string, Words> expected = {
      {"Case",
       {"~Case", "index", "id", "model", "parameters", "seed", "tokens", "has_corrupted",
        "corrupted", "target", "field", "request", "context_of", "pass", "earlier", "save"}},
      {"Context",
       {"~Context", "model", "shared_model", "seed", "activations", "reference_prompts",
        "tokens_of", "file_digest", "record_file", "record_model", "progress", "cancelled",
        "commit", "committed"}},
      {"Experiment",
       {"~Experiment", "Experiment", "run", "finish", "passes", "partial", "combine",
        "check_parameters"}},
      {"HookPoint", {"name", "layer", "dims", "aliases"}},
      {"KeyValueCache", {"~KeyValueCache", "KeyValueCache", "operator", "length"}},
      {"Tool",
       {"~Tool", "Tool", "check_compatible", "check_parameters", "run", "run_batch", "estimate",
        "usual_hooks", "reads_prompts", "takes_batches", "declared_parameters", "parameters",
        "attach", "context", "model"}},
      {"ToolSlot", {"~ToolSlot"}},
      {"Uses", {"Uses", "operator"}},
  };
  for (const auto& [type, names] : expected) EXPECT_EQ(members.at(type), names) << type;
}

/// Members of classes that a document names, as `Class::member`.
std::vector<std::pair<std::string, std::string>> named_members(const std::string& document) {
  static const std::regex member(R"re(\b([A-Z]\w*)::([a-z]\w*))re");
  std::vector<std::pair<std::string, std::string>> named;
  for (std::sregex_iterator match(document.begin(), document.end(), member), end; match != end;
       ++match)
    named.emplace_back((*match)[1], (*match)[2]);
  return named;
}

TEST(Documents, NameMembersThatThePublicHeadersHave) {
  const std::map<std::string, Words> members = public_part().members;
  int found = 0;
  const auto docs = std::filesystem::path(testing::source_folder()) / "docs";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(docs)) {
    if (entry.path().extension() != ".md") continue;
    for (const auto& [type, name] : named_members(text_of(entry.path()))) {
      const auto of_type = members.find(type);
      if (of_type == members.end()) continue;  // of an enumeration, or of a tool
      ++found;
      EXPECT_TRUE(of_type->second.contains(name)) << entry.path() << ": " << type << "::" << name;
    }
  }
  EXPECT_GT(found, 5);
}

TEST(PublicHeaders, DoNotDescribeWhatIsForTheBench) {
  static const std::regex own("[Ff]or the bench|[Ii]nternal to");
  for (const auto& header : public_headers()) {
    const std::string text = text_of(header);
    EXPECT_FALSE(std::regex_search(text, own)) << header;
  }
}

}  // namespace
}  // namespace lensbench
