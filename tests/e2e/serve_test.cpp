#include <signal.h>
#include <sys/wait.h>

#include <chrono>
#include <deque>
#include <optional>
#include <random>
#include <thread>

#include "archive/archive_reader.hpp"
#include "support/command.hpp"
#include "support/fixture_plugins.hpp"
#include "support/http_client.hpp"

// The command `serve`: a page, its answers, the archives that they become, and the end.

namespace lensbench {
namespace {

using namespace std::chrono_literals;
using testing::HttpAddress;
using testing::HttpConnection;
using testing::HttpReply;

/// A server process with a folder for temporary files of its own.
class ServeProcess {
 public:
  explicit ServeProcess(const std::vector<std::string>& more = {}) {
    fs::create_directory(temporary());
    std::vector<std::string> words = {"/usr/bin/env",
                                      "TMPDIR=" + temporary().string(),
                                      testing::build_folder() + "/bin/lensbench",
                                      "serve",
                                      "--model",
                                      kModel};
    words.insert(words.end(), more.begin(), more.end());
    child_ = testing::start(words, folder_.path());
    for (int i = 0; i < 6000 && is_running() && testing::slurp(folder_ / "stdout").empty(); ++i)
      std::this_thread::sleep_for(10ms);
    const std::string url = testing::slurp(folder_ / "stdout");
    if (!url.empty()) address_.emplace(url);
  }
  ~ServeProcess() {
    if (child_ > 0) end(SIGKILL);
  }
  ServeProcess(const ServeProcess&) = delete;
  ServeProcess& operator=(const ServeProcess&) = delete;

  const HttpAddress& address() const { return address_.value(); }
  fs::path temporary() const { return folder_ / "temporary"; }

  Outcome end(int signal) {
    if (signal != 0) ::kill(child_, signal);
    return testing::wait_for(std::exchange(child_, -1), folder_.path());
  }

 private:
  bool is_running() const {
    siginfo_t facts{};
    return ::waitid(P_PID, static_cast<id_t>(child_), &facts, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           facts.si_pid == 0;
  }

  const TempDir folder_;
  pid_t child_ = -1;
  std::optional<HttpAddress> address_;
};

std::string question(const std::string& tool, const std::string& prompt,
                     const json& parameters = json::object()) {
  return json{{"tool", tool}, {"prompt", prompt}, {"parameters", parameters}}.dump();
}

/// An answer as a page reads it.
struct Message {
  explicit Message(const std::string& bytes) {
    std::uint32_t size = 0;
    std::memcpy(&size, bytes.data(), sizeof size);
    head = json::parse(bytes.substr(sizeof size, size));
    std::size_t at = sizeof size + size;
    for (const std::size_t length : head["blocks"]) {
      at = (at + 7) / 8 * 8;
      blocks.push_back(bytes.substr(at, length));
      at += length;
    }
    EXPECT_EQ(at, bytes.size());
  }

  /// Floats of a variable of the only result.
  std::vector<float> floats(const std::string& name) const {
    for (const json& variable : head["index"]["archives"][0]["results"][0]["variables"])
      if (variable["name"] == name) {
        const json& block = variable["parts"][0]["block"];
        EXPECT_EQ(block["type"], "float32");
        const std::string& bytes = blocks.at(block["block"].get<std::size_t>());
        std::vector<float> values(bytes.size() / sizeof(float));
        std::memcpy(values.data(), bytes.data(), bytes.size());
        return values;
      }
    ADD_FAILURE() << "the answer does not have " << name;
    return {};
  }

  json head;
  std::vector<std::string> blocks;
};

class Serve : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { process_ = std::make_unique<ServeProcess>(); }
  static void TearDownTestSuite() { process_.reset(); }
  static const HttpAddress& address() { return process_->address(); }

  HttpReply ask(const std::string& tool, const std::string& prompt,
                const json& parameters = json::object()) const {
    return address().call("POST", "run", question(tool, prompt, parameters));
  }
  /// Saves the archive of an answer.
  std::string saved(const Message& message) const {
    const HttpReply reply =
        address().call("GET", "archive/" + std::to_string(message.head["id"].get<int>()));
    EXPECT_EQ(reply.status, 200) << reply.body;
    return folder_.write(message.head["file"].get<std::string>(), reply.body);
  }

  const TempDir folder_;
  static std::unique_ptr<ServeProcess> process_;
};

std::unique_ptr<ServeProcess> Serve::process_;

TEST_F(Serve, OffersToolsWithPictures) {
  const HttpReply page = address().call("GET", "");
  ASSERT_EQ(page.status, 200);
  EXPECT_THAT(page.body, HasSubstr("<title>lensbench: kjv-gpt2</title>"));
  // Tools without a prompt, and those whose results have no picture, cannot be asked.
  for (const char* tool : {"composition", "activations", "facts", "nothing"})
    EXPECT_EQ(ask(tool, "a").status, 422) << tool;
}

TEST_F(Serve, AnswersWhatTheCommandComputes) {
  const std::string prompt = "And God said, Let there be light";
  const HttpReply reply = ask("logit_lens", prompt, {{"top_k", "3"}});
  ASSERT_EQ(reply.status, 200) << reply.body;
  const Message message(reply.body);
  const auto outcome = run_into(folder_ / "tool.h5", {"tool", "logit_lens", "--model", kModel,
                                                      "--prompt", prompt, "--set", "top_k=3"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const ArchiveReader archive(folder_ / "tool.h5");
  for (const char* name : {"top_probability", "entropy", "target_probability"}) {
    const at::Tensor stored = archive.read("logit_lens")[name].tensor.contiguous();
    const std::vector<float> expected(stored.data_ptr<float>(),
                                      stored.data_ptr<float>() + stored.numel());
    EXPECT_EQ(json(message.floats(name)), json(expected)) << name;
  }
}

TEST_F(Serve, SavesArchivesThatReplay) {
  for (const char* tool : {"logit_lens", "layer_attribution", "token_analyzer", "attention"}) {
    const HttpReply reply = ask(tool, " the God of Abraham, of Isaac, and of");
    ASSERT_EQ(reply.status, 200) << tool << reply.body;
    const std::string archive = saved(Message(reply.body));
    const auto verified = lensbench({"verify", archive});
    EXPECT_EQ(verified.exit_code, 0) << tool << verified.err;
    const auto replayed = lensbench({"replay", archive});
    EXPECT_EQ(replayed.exit_code, 0) << tool << replayed.out << replayed.err;
    EXPECT_THAT(replayed.out, HasSubstr("identical in every bit")) << tool;
  }
}

TEST_F(Serve, SavesWhatTheCommandSaves) {
  const std::string prompt = "And it came to pass";
  const std::string archive = saved(Message(ask("logit_lens", prompt).body));
  ASSERT_EQ(run_into(folder_ / "tool.h5",
                     {"tool", "logit_lens", "--model", kModel, "--prompt", prompt, "--quiet"})
                .exit_code,
            0);
  const auto compared = lensbench({"diff", archive, folder_ / "tool.h5"});
  EXPECT_EQ(compared.exit_code, 0) << compared.out;
}

TEST_F(Serve, TellsWhyAQuestionIsRefused) {
  const auto error = [&](const std::string& tool, const json& parameters) {
    const HttpReply reply = ask(tool, "In the beginning", parameters);
    EXPECT_EQ(reply.status, 422) << reply.body;
    return json::parse(reply.body).value("error", "");
  };
  EXPECT_THAT(error("logit_lens", {{"top_k", "many"}}), HasSubstr("top_k"));
  EXPECT_THAT(error("logit_lens", {{"target", "no such token of the vocabulary"}}),
              HasSubstr("target"));
  EXPECT_THAT(error("neuron_explorer", {{"text", "/etc/passwd"}}), HasSubstr("text"));
  // More tokens than the model has positions.
  std::string longest;
  for (int i = 0; i < 300; ++i) longest += " God";
  const HttpReply reply = ask("logit_lens", longest);
  EXPECT_THAT(reply.status, ::testing::AnyOf(422, 500));
  EXPECT_THAT(reply.body, HasSubstr("256"));
  EXPECT_EQ(ask("logit_lens", "In the beginning").status, 200);
}

// The limits are those of the command: tests of the server set their own.
TEST_F(Serve, RefusesOtherPagesAndAddressesWithoutTheToken) {
  const std::string body = question("logit_lens", "In the beginning");
  const auto status = [&](const std::string& target, const std::string& host,
                          const std::string& origin) {
    return address()
        .send("POST " + target + " HTTP/1.1\r\nHost: " + host + "\r\nOrigin: " + origin +
              "\r\nContent-Type: application/json\r\nContent-Length: " +
              std::to_string(body.size()) + "\r\n\r\n" + body)
        .status;
  };
  const std::string run = address().path + "run", host = address().host();
  EXPECT_EQ(status(run, host, "http://" + host), 200);
  EXPECT_EQ(status(run, host, "http://example.org"), 403);
  EXPECT_EQ(status(run, host, "null"), 403);
  EXPECT_EQ(status(run, "example.org", "http://" + host), 403);
  EXPECT_EQ(status("/run", host, "http://" + host), 403);
  EXPECT_EQ(status("/" + std::string(32, '0') + "/run", host, "http://" + host), 403);
}

TEST_F(Serve, RefusesABodyOfMoreThanOneMebibyte) {
  const std::string body = question("logit_lens", "In the beginning");
  const std::string padding((1 << 20) - body.size(), ' ');
  EXPECT_EQ(address().call("POST", "run", body + padding).status, 200);
  EXPECT_EQ(address().call("POST", "run", body + padding + " ").status, 413);
}

TEST_F(Serve, AnswersAfterQuestionsThatAreNotJsonAndClientsThatHang) {
  std::mt19937_64 random(1);
  const std::string good = question("logit_lens", "In the beginning");
  for (int i = 0; i < 500; ++i) {
    std::string body = good;
    for (int changed = 0; changed < 3; ++changed)
      body[random() % body.size()] = static_cast<char>(random() % 256);
    // A change of the prompt alone can leave a question.
    EXPECT_THAT(address().call("POST", "run", body).status, ::testing::AnyOf(200, 422)) << body;
  }
  std::deque<HttpConnection> hanging;
  const std::string request = address().request("POST", "run", good);
  for (std::size_t i = 0; i < 100; ++i) {
    hanging.emplace_back(address().port);
    hanging.back().send(request.substr(0, i * (request.size() - 1) / 99));
  }
  EXPECT_EQ(ask("logit_lens", "In the beginning").status, 200);
}

TEST_F(Serve, CancelsAtOnce) {
  HttpConnection connection(address().port);
  connection.send(address().request(
      "POST", "run",
      question("input_attribution", "In the beginning God created the heaven and the earth",
               {{"methods", "integrated_gradients"}, {"steps", "10000"}})));
  json progress = json::object();
  for (int i = 0; i < 500 && progress.value("tool", "").empty(); ++i) {
    std::this_thread::sleep_for(10ms);
    progress = json::parse(address().call("GET", "progress").body);
  }
  EXPECT_EQ(progress["state"], "running");
  EXPECT_EQ(progress["tool"], "input_attribution");
  EXPECT_EQ(ask("logit_lens", "a").status, 409);
  EXPECT_EQ(address().call("DELETE", "run").status, 200);
  EXPECT_EQ(connection.receive(20s).body, R"({"cancelled":true})");
  EXPECT_EQ(ask("logit_lens", "In the beginning").status, 200);
}

TEST_F(Serve, KeepsNoFiles) {
  const Message message(ask("logit_lens", "And").body);
  EXPECT_TRUE(fs::is_empty(process_->temporary()));
  saved(message);
  EXPECT_TRUE(fs::is_empty(process_->temporary()));
  EXPECT_EQ(address().call("GET", "archive/1000").status, 404);
}

TEST(ServeCommand, EndsCleanlyAtSignals) {
  for (const int signal : {SIGINT, SIGTERM}) {
    ServeProcess process;
    HttpConnection asking(process.address().port), idle(process.address().port);
    asking.send(process.address().request(
        "POST", "run",
        question("input_attribution", "In the beginning",
                 {{"methods", "integrated_gradients"}, {"steps", "10000"}})));
    std::this_thread::sleep_for(300ms);
    const auto begin = std::chrono::steady_clock::now();
    const Outcome outcome = process.end(signal);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 20s);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_TRUE(fs::is_empty(process.temporary()));
    EXPECT_THAT(outcome.err, Not(HasSubstr("error")));
  }
}

#ifndef __SANITIZE_ADDRESS__  // it reports crashes itself
TEST(ServeCommand, NamesTheToolOfACrash) {
  const TempDir plugins;
  testing::place(plugins, "long_work");
  ServeProcess process({"--plugin-dir", plugins.path()});
  HttpConnection asking(process.address().port);
  asking.send(process.address().request("POST", "run", question("crashes", "In the beginning")));
  const Outcome outcome = process.end(0);
  EXPECT_EQ(outcome.exit_code, -SIGSEGV);
  EXPECT_THAT(outcome.err, HasSubstr("lensbench: question 1, tool 'crashes': the process crashed; "
                                     "the server has ended, and answers that were not saved are "
                                     "lost"));
}
#endif

TEST(ServeCommand, RefusesAPortInUse) {
  const ServeProcess first;
  const auto outcome =
      lensbench({"serve", "--model", kModel, "--port", std::to_string(first.address().port)});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("cannot be used"), HasSubstr("--port")));
  EXPECT_EQ(outcome.out, "");
}

TEST(ServeCommand, RefusesWrongArguments) {
  for (const char* port : {"65536", "99999999999", "-1", "http"}) {
    const auto outcome = lensbench({"serve", "--model", kModel, "--port", port});
    EXPECT_EQ(outcome.exit_code, 2) << port;
    EXPECT_THAT(outcome.err, HasSubstr("port")) << port;
  }
  EXPECT_EQ(lensbench({"serve"}).exit_code, 2);
  EXPECT_EQ(lensbench({"serve", "--model", "no/such/folder"}).exit_code, 3);
}

TEST(ServeCommand, ListensAtTheGivenPortOfTheLoopbackAddressAlone) {
  std::uint16_t port = 0;
  {
    const ServeProcess any;
    port = any.address().port;
  }
  const ServeProcess process({"--port", std::to_string(port)});
  EXPECT_EQ(process.address().port, port);
  // Sockets that listen, as the kernel lists them: local address and port in hexadecimal digits.
  const std::string sockets = testing::slurp("/proc/net/tcp");
  char digits[8];
  std::snprintf(digits, sizeof digits, ":%04X", port);
  EXPECT_THAT(sockets, HasSubstr(std::string(" 0100007F") + digits + " 00000000:0000 0A"));
  EXPECT_THAT(sockets, Not(HasSubstr(std::string(" 00000000") + digits)));
}

}  // namespace
}  // namespace lensbench
