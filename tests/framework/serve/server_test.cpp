#include "serve/server.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "framework/serve/served.hpp"
#include "support/temp_dir.hpp"

// The protocol, with an engine that the test answers for.

namespace lensbench::serve {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::HttpConnection;
using testing::HttpReply;
using testing::Served;
using ::testing::StartsWith;

std::string error_of(const HttpReply& reply) {
  return json::parse(reply.body).value("error", "");
}

class ServerTest : public ::testing::Test {
 protected:
  /// A request in which the test decides everything.
  int status_of(const std::string& method, const std::string& target, const std::string& headers) {
    return served.address.send(method + " " + target + " HTTP/1.1\r\n" + headers + "\r\n").status;
  }
  std::string host() const { return "Host: " + served.address.host() + "\r\n"; }

  Served served;
};

TEST_F(ServerTest, SendsThePageWithAPolicy) {
  const HttpReply reply = served.address.call("GET", "");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.headers.at("content-type"), "text/html; charset=utf-8");
  EXPECT_THAT(reply.headers.at("content-security-policy"),
              AllOf(StartsWith("default-src 'none'; script-src 'sha256-"),
                    HasSubstr("connect-src 'self'"), HasSubstr("frame-ancestors 'none'")));
  EXPECT_EQ(reply.headers.at("cache-control"), "no-store");
  EXPECT_EQ(reply.headers.at("referrer-policy"), "no-referrer");
  EXPECT_THAT(reply.body, HasSubstr("<title>lensbench: &lt;made &amp; up&gt;</title>"));
}

TEST_F(ServerTest, RefusesRequestsWithoutTheToken) {
  for (const char* target : {"/", "/run", "/progress", "/favicon.ico", "/archive/1", "*"})
    EXPECT_EQ(status_of("GET", target, host()), 403) << target;
  EXPECT_EQ(status_of("POST", "/run", host()), 403);
  std::string other = served.address.path;
  other[1] = other[1] == '0' ? '1' : '0';
  EXPECT_EQ(status_of("GET", other, host()), 403);
}

TEST_F(ServerTest, RefusesOtherOrigins) {
  const std::string run = served.address.path + "run";
  for (const char* origin : {"http://example.org", "null", "http://127.0.0.1"})
    EXPECT_EQ(status_of("POST", run, host() + "Origin: " + origin + "\r\n"), 403) << origin;
  EXPECT_EQ(status_of("POST", run,
                      host() + "Origin: http://" + served.address.host() +
                          "\r\nOrigin: http://example.org\r\n"),
            403);
  EXPECT_THAT(served.engine.asked(), ElementsAre());
}

TEST_F(ServerTest, RefusesOtherHosts) {
  const std::string port = std::to_string(served.address.port);
  const std::string& page = served.address.path;
  EXPECT_EQ(status_of("GET", page, "Host: localhost:" + port + "\r\n"), 200);
  EXPECT_EQ(status_of("GET", page, "Host: example.org:" + port + "\r\n"), 403);
  EXPECT_EQ(status_of("GET", page, "Host: 127.0.0.1\r\n"), 403);
  EXPECT_EQ(status_of("GET", page, ""), 403);
  EXPECT_EQ(status_of("GET", page, host() + host()), 403);
}

TEST_F(ServerTest, AnswersAQuestion) {
  HttpConnection connection(served.address.port);
  connection.send(served.address.request("POST", "run", "the body"));
  served.engine.wait_asked(1);
  EXPECT_THAT(served.engine.asked(), ElementsAre("the body"));
  const std::string bytes("\0\1binary\xff", 9);
  served.engine.answer({Answer::Kind::answered, bytes});
  const HttpReply reply = connection.receive();
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.headers.at("content-type"), "application/octet-stream");
  EXPECT_EQ(reply.body, bytes);
}

TEST_F(ServerTest, TellsWhatIsWrong) {
  const std::map<Answer::Kind, int> statuses = {{Answer::Kind::refused, 422},
                                                {Answer::Kind::failed, 500}};
  HttpConnection connection(served.address.port);
  std::int64_t count = 0;
  for (const auto& [kind, status] : statuses) {
    connection.send(served.address.request("POST", "run", "{}"));
    served.engine.wait_asked(++count);
    served.engine.answer({kind, "tool 'x': a \"reason\""});
    const HttpReply reply = connection.receive();
    EXPECT_EQ(reply.status, status);
    EXPECT_EQ(error_of(reply), "tool 'x': a \"reason\"");
  }
}

TEST_F(ServerTest, AnswersOneQuestionAtATime) {
  HttpConnection first(served.address.port);
  first.send(served.address.request("POST", "run", "first"));
  served.engine.wait_asked(1);
  const HttpReply second = served.address.call("POST", "run", "second");
  EXPECT_EQ(second.status, 409);
  EXPECT_THAT(error_of(second), HasSubstr("another one is being answered"));
  EXPECT_EQ(json::parse(served.address.call("GET", "progress").body)["state"], "running");
  served.engine.answer({Answer::Kind::answered, "x"});
  EXPECT_EQ(first.receive().body, "x");
  EXPECT_EQ(json::parse(served.address.call("GET", "progress").body)["state"], "idle");
}

TEST_F(ServerTest, CancelsAQuestion) {
  HttpConnection connection(served.address.port);
  connection.send(served.address.request("POST", "run", "{}"));
  served.engine.wait_asked(1);
  EXPECT_EQ(served.address.call("DELETE", "run/2").body, R"({"cancelled":false})");
  EXPECT_EQ(served.address.call("DELETE", "run").body, R"({"cancelled":true})");
  EXPECT_EQ(connection.receive().body, R"({"cancelled":true})");
  EXPECT_EQ(served.address.call("DELETE", "run").body, R"({"cancelled":false})");
  EXPECT_EQ(served.address.call("DELETE", "run/x").status, 404);
}

TEST_F(ServerTest, CancelsTheQuestionOfAClientThatGoesAway) {
  HttpConnection connection(served.address.port);
  connection.send(served.address.request("POST", "run", "{}"));
  served.engine.wait_asked(1);
  connection.close();
  EXPECT_EQ(served.engine.wait_cancelled(1), 1);
}

TEST_F(ServerTest, KeepsAConnectionForFurtherRequests) {
  HttpConnection connection(served.address.port);
  for (int i = 0; i < 3; ++i) {
    connection.send(served.address.request("GET", "progress"));
    EXPECT_EQ(connection.receive().status, 200);
  }
  connection.send(served.address.request("GET", "progress", "", "Connection: close\r\n"));
  EXPECT_EQ(connection.receive().status, 200);
  EXPECT_TRUE(connection.is_closed_within(std::chrono::seconds(10)));
}

TEST_F(ServerTest, SendsAnArchive) {
  const testing::TempDir folder;
  const auto path = folder.write("a.h5", std::string(3'000'000, 'a'));
  served.engine.saved = [&](std::int64_t number) -> SavedArchive {
    if (number != 7) return {{}, "", "answer is not kept any more", false};
    return {FileDescriptor(::open(path.c_str(), O_RDONLY)), "lens-7.h5", "", true};
  };
  const HttpReply reply = served.address.call("GET", "archive/7");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.headers.at("content-disposition"), "attachment; filename=\"lens-7.h5\"");
  EXPECT_EQ(reply.body, std::string(3'000'000, 'a'));
  EXPECT_EQ(served.address.call("GET", "archive/8").status, 404);
  for (const char* number : {"", "x", "-1", "0", "7x", "99999999999999999999"})
    EXPECT_EQ(served.address.call("GET", std::string("archive/") + number).status, 404) << number;
}

TEST_F(ServerTest, TellsThatAnArchiveCannotBeWritten) {
  served.engine.saved = [](std::int64_t) -> SavedArchive { return {{}, "", "disk full", true}; };
  const HttpReply reply = served.address.call("GET", "archive/1");
  EXPECT_EQ(reply.status, 500);
  EXPECT_EQ(error_of(reply), "disk full");
}

TEST_F(ServerTest, KnowsItsPathsAndMethodsAlone) {
  EXPECT_EQ(served.address.call("GET", "other").status, 404);
  EXPECT_EQ(served.address.call("GET", "../../etc/passwd").status, 404);
  EXPECT_EQ(served.address.call("GET", "run").status, 405);
  EXPECT_EQ(served.address.call("GET", "run").headers.at("allow"), "POST, DELETE");
  EXPECT_EQ(served.address.call("POST", "", "{}").status, 405);
  EXPECT_EQ(served.address.call("DELETE", "archive/1").status, 405);
  EXPECT_EQ(served.address.call("PUT", "progress").status, 405);
}

TEST_F(ServerTest, WantsJson) {
  const std::string head = "POST " + served.address.path + "run HTTP/1.1\r\n" + host();
  for (const char* type : {"", "Content-Type: text/plain\r\n"})
    EXPECT_EQ(served.address.send(head + type + "Content-Length: 2\r\n\r\n{}").status, 415);
  EXPECT_THAT(served.engine.asked(), ElementsAre());
}

}  // namespace
}  // namespace lensbench::serve
