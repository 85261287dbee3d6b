#include <sstream>

#include "support/command.hpp"
#include "support/embedded_model.hpp"
#include "support/folders.hpp"

// Completion as the shells do it, and the manual page as man shows it. A shell that is not there is
// skipped.

namespace lensbench {
namespace {

using ::testing::ElementsAre;

const std::string kCommand = testing::build_folder() + "/bin/lensbench";

bool has(const std::string& program) {
  return testing::run({"/bin/sh", "-c", "command -v " + program}).exit_code == 0;
}

const std::string& bash_script() {
  static const std::string script = lensbench({"completion", "bash"}).out;
  return script;
}

// What bash offers for `words`, of which the last is being typed. bash breaks words at `=` itself.
std::vector<std::string> bash_offers(const std::vector<std::string>& words) {
  const TempDir folder;
  std::string line;
  for (const auto& word : words) line += " '" + word + "'";
  const auto outcome = testing::run({"/bin/bash", "--norc", "-c",
                                     "source '" + folder.write("script", bash_script()).string() +
                                         "' || exit 9\n" + "COMP_WORDS=('" + kCommand + "'" + line +
                                         "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n" +
                                         "_lensbench; printf '%s\\n' \"${COMPREPLY[@]}\""});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  std::vector<std::string> offers;
  std::istringstream lines(outcome.out);
  for (std::string offer; std::getline(lines, offer);)
    if (!offer.empty()) offers.push_back(offer);
  return offers;
}

TEST(BashCompletion, OffersCommandsAndTheirParts) {
  EXPECT_THAT(bash_offers({""}), IsSupersetOf({"run", "tool", "list", "model", "diff", "--help"}));
  EXPECT_THAT(bash_offers({"ver"}), ElementsAre("verify", "versions"));
  EXPECT_THAT(bash_offers({"model", ""}), ElementsAre("info", "init"));
}

TEST(BashCompletion, OffersOptionsOfTheCommandAlone) {
  EXPECT_THAT(bash_offers({"tool", "logit_lens", "--prom"}), ElementsAre("--prompt", "--prompts"));
  EXPECT_THAT(bash_offers({"model", "init", "--"}),
              AllOf(Contains("--seed"), Not(Contains("--prompt"))));
}

TEST(BashCompletion, OffersTheValuesThatTheParserTakes) {
  EXPECT_THAT(bash_offers({"run", "x", "--dtype", "b"}), ElementsAre("bfloat16"));
  EXPECT_THAT(bash_offers({"run", "x", "--dtype", "=", "b"}), ElementsAre("bfloat16"));
  EXPECT_THAT(bash_offers({"export", "a.h5", "x", "--format", ""}),
              ElementsAre("json", "csv", "npz", "safetensors"));
  EXPECT_THAT(bash_offers({"list", "h"}), ElementsAre("hooks"));
}

TEST(BashCompletion, OffersTheNamesThatPluginsHave) {
  EXPECT_THAT(bash_offers({"tool", "log"}), ElementsAre("logit_lens"));
  EXPECT_THAT(bash_offers({"run", "first"}), ElementsAre("first_look"));
  EXPECT_THAT(bash_offers({"tool", "--dtype", "float32", "activations"}),
              ElementsAre("activations"));
}

TEST(BashCompletion, OffersParametersOfTheToolOnTheLine) {
  EXPECT_THAT(bash_offers({"tool", "logit_lens", "--set", "to"}), ElementsAre("top_k="));
  EXPECT_THAT(bash_offers({"run", "first_look", "--set", "max"}),
              ElementsAre("max_new_tokens=", "max_pixels="));
  EXPECT_THAT(bash_offers({"tool", "logit_lens", "--set", "top_k", "=", ""}), ElementsAre());
  EXPECT_THAT(bash_offers({"tool", "activations", "--set", "st"}), ElementsAre("store="));
}

TEST(BashCompletion, OffersTheWordsOfAParameter) {
  EXPECT_THAT(bash_offers({"tool", "activations", "--set", "store", "=", ""}),
              ElementsAre("float32", "float16"));
  EXPECT_THAT(bash_offers({"tool", "activations", "--set", "=", "positions", "=", "l"}),
              ElementsAre("last"));
  EXPECT_THAT(bash_offers({"tool", "logit_lens", "--set", "norm", "=", "f"}), ElementsAre("false"));
  // Settings of pictures belong to every tool.
  EXPECT_THAT(bash_offers({"tool", "logit_lens", "--set", "alpha", "=", ""}),
              ElementsAre("drop", "white"));
}

TEST(BashCompletion, OffersTheWordsOfATokenAndOfEachItemOfAList) {
  EXPECT_THAT(bash_offers({"tool", "logit_lens", "--set", "target", "=", ""}),
              ElementsAre("next", "model"));
  EXPECT_THAT(bash_offers({"tool", "logit_lens", "--set", "points", "=", "resid_m"}),
              ElementsAre("resid_mid"));
  EXPECT_THAT(bash_offers({"tool", "logit_lens", "--set", "points", "=", "mlp_out,at"}),
              ElementsAre("mlp_out,attn_out"));
}

TEST(BashCompletion, OffersPathsForParametersThatNameThem) {
  const TempDir folder;
  folder.write("one.txt", "");
  std::filesystem::create_directory(folder / "sub");
  const std::string start = folder / "";
  const auto offers_of = [](const std::vector<std::string>& entry, const std::string& parameter,
                            const std::string& value) {
    std::vector<std::string> words = entry;
    words.insert(words.end(), {"--set", parameter, "=", value});
    return bash_offers(words);
  };
  EXPECT_THAT(offers_of({"tool", "layer_surgery"}, "text", start),
              ::testing::UnorderedElementsAre(start + "one.txt", start + "sub"));
  EXPECT_THAT(offers_of({"tool", "layer_surgery"}, "donor", start), ElementsAre(start + "sub"));
  EXPECT_THAT(offers_of({"run", "training_dynamics"}, "checkpoints", "first," + start),
              ElementsAre("first," + start + "sub"));
}

TEST(BashCompletion, OffersTheHookPointsOfTheModelOnTheLine) {
  EXPECT_THAT(bash_offers({"tool", "activations", "--model", testing::kModel, "--set", "hooks", "=",
                           "hook_embed,blocks.5.mlp.hook_p"}),
              ElementsAre("hook_embed,blocks.5.mlp.hook_pre", "hook_embed,blocks.5.mlp.hook_post"));
  EXPECT_THAT(bash_offers({"tool", "activations", "--set", "hooks", "=", "blo"}), ElementsAre());
}

TEST(BashCompletion, OffersFilesOfTheKind) {
  const TempDir folder;
  folder.write("one.h5", "");
  folder.write("two words.h5", "");
  folder.write("other.txt", "");
  std::filesystem::create_directory(folder / "sub");
  const std::string start = folder / "";
  EXPECT_THAT(
      bash_offers({"show", start}),
      ::testing::UnorderedElementsAre(start + "one.h5", start + "two words.h5", start + "sub"));
  EXPECT_THAT(bash_offers({"tool", "x", "--prompts", start + "oth"}),
              ElementsAre(start + "other.txt"));
  EXPECT_THAT(bash_offers({"tool", "x", "--model", start}), ElementsAre(start + "sub"));
}

TEST(ZshCompletion, IsZshWithoutErrors) {
  if (!has("zsh")) GTEST_SKIP() << "zsh is not installed";
  const TempDir folder;
  folder.write("_lensbench", lensbench({"completion", "zsh"}).out);
  const auto outcome = testing::run({"/usr/bin/env", "zsh", "-n", folder / "_lensbench"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.err, "");
}

// A zsh in a terminal of its own, to which the line and TABs are typed; prints what it showed.
constexpr const char* kType = R"zsh(
zmodload zsh/zpty || exit 8
zpty shell zsh -f -i
zpty -w shell "PS1=; stty cols 200 rows 60; autoload -Uz compinit; compinit -D -u; PATH=$1:\$PATH"
zpty -w shell 'source =(lensbench completion zsh); print READY-$((1+1))'
zpty -r -m shell seen '*READY-2*' || exit 9
shift
for line; do
  # The line, its completions, and a word that the shell prints when it has shown them.
  zpty -w -n shell "$line"$'\t\t'
  sleep 1
  zpty -w shell $'\C-u'"print SEEN-\$((1+1))"
  zpty -r -m shell seen '*SEEN-2*' || exit 9
  print -r -- "$seen"
done
)zsh";

std::string zsh_shows(const std::vector<std::string>& lines) {
  std::vector<std::string> command = {
      "/usr/bin/env", "zsh", "-f", "-c", kType, "zsh", testing::build_folder() + "/bin"};
  command.insert(command.end(), lines.begin(), lines.end());
  const auto outcome = testing::run(command);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  return outcome.out;
}

TEST(ZshCompletion, OffersCommandsNamesValuesAndParameters) {
  if (!has("zsh")) GTEST_SKIP() << "zsh is not installed";
  EXPECT_THAT(zsh_shows({"lensbench ver"}), AllOf(HasSubstr("verify"), HasSubstr("versions")));
  EXPECT_THAT(zsh_shows({"lensbench tool logit_lens --set to"}), HasSubstr("top_k="));
  EXPECT_THAT(zsh_shows({"lensbench run first_look --dtype b"}), HasSubstr("bfloat16"));
  EXPECT_THAT(zsh_shows({"lensbench tool log"}), HasSubstr("logit_lens"));
  EXPECT_THAT(zsh_shows({"lensbench tool activations --set store="}),
              AllOf(HasSubstr("float32"), HasSubstr("float16")));
  EXPECT_THAT(zsh_shows({"lensbench tool logit_lens --set norm=f"}), HasSubstr("norm=false"));
  EXPECT_THAT(zsh_shows({"lensbench tool logit_lens --set target=m"}), HasSubstr("target=model"));
  EXPECT_THAT(zsh_shows({"lensbench tool logit_lens --set points=mlp_out,resid_m"}),
              HasSubstr("points=mlp_out,resid_mid"));
  EXPECT_THAT(zsh_shows({"lensbench tool activations --model " + testing::kModel +
                         " --set hooks=blocks.5.mlp.hook_po"}),
              HasSubstr("hooks=blocks.5.mlp.hook_post"));
  const TempDir folder;
  folder.write("only.txt", "");
  EXPECT_THAT(zsh_shows({"lensbench tool layer_surgery --set text=" + (folder / "on").string()}),
              HasSubstr("only.txt"));
}

TEST(ManualPage, RendersWithoutWarnings) {
  if (!has("groff")) GTEST_SKIP() << "groff is not installed";
  const TempDir folder;
  folder.write("lensbench.1", lensbench({"man"}).out);
  const auto outcome = testing::run(
      {"/usr/bin/env", "groff", "-man", "-ww", "-Tutf8", "-P-cbou", folder / "lensbench.1"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.err, "");
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("COMMANDS"), HasSubstr("EXIT STATUS")));
}

TEST(ManualPage, HasEveryOptionThatHelpHas) {
  const std::string page = lensbench({"man"}).out;
  for (const char* command : {"run", "tool", "list", "replay", "export", "model init"}) {
    std::istringstream words(lensbench({"help", command}).out);
    for (std::string word; words >> word;)
      if (word.starts_with("--") && word != "--help") {
        std::string name;
        for (const char c : word.substr(0, word.find_first_not_of("-abcdefghijklmnopqrstuvwxyz")))
          name += c == '-' ? std::string("\\-") : std::string(1, c);
        EXPECT_THAT(page, HasSubstr(name)) << command;
      }
  }
}

}  // namespace
}  // namespace lensbench
