#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <lensbench/error.hpp>
#include <random>

#include "framework/serve/served.hpp"
#include "support/error_matchers.hpp"

// Requests that are too large, malformed or never end.

namespace lensbench::serve {
namespace {

using namespace std::chrono_literals;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::HttpConnection;
using testing::HttpReply;
using testing::message_of;
using testing::Served;

constexpr std::size_t kMiB = 1 << 20;

TEST(ServerLimits, TakeABodyOfOneMebibyte) {
  Served served;
  HttpConnection connection(served.address.port);
  connection.send(served.address.request("POST", "run", std::string(kMiB, ' ')));
  served.engine.wait_asked(1);
  ASSERT_EQ(served.engine.asked().size(), 1u);
  EXPECT_EQ(served.engine.asked()[0].size(), kMiB);
  served.engine.answer({Answer::Kind::answered, "x"});
  EXPECT_EQ(connection.receive().status, 200);
}

TEST(ServerLimits, RefuseALargerBody) {
  const Served served;
  EXPECT_EQ(served.address.call("POST", "run", std::string(kMiB + 1, ' ')).status, 413);
  // More than the buffers of the sockets hold: the reply arrives even so.
  EXPECT_EQ(served.address.call("POST", "run", std::string(20 * kMiB, ' ')).status, 413);
  EXPECT_THAT(served.engine.asked(), ElementsAre());
}

TEST(ServerLimits, RefuseALargerBodyOfUnknownLength) {
  const Served served;
  std::string request = served.address.request("POST", "run", "", "Transfer-Encoding: chunked\r\n");
  const std::string chunk = "10000\r\n" + std::string(0x10000, ' ') + "\r\n";
  for (int i = 0; i < 17; ++i) request += chunk;
  EXPECT_EQ(served.address.send(request + "0\r\n\r\n").status, 413);
}

TEST(ServerLimits, DoNotReadTheBodyOfARequestWithoutTheToken) {
  const Served served;
  EXPECT_EQ(served.address
                .send("POST /run HTTP/1.1\r\nHost: " + served.address.host() +
                      "\r\nContent-Length: 2000000\r\n\r\n")
                .status,
            403);
}

TEST(ServerLimits, AnswerAClientThatWaitsForTheWordToSendABody) {
  Served served;
  HttpConnection connection(served.address.port);
  const std::string whole = served.address.request("POST", "run", "{}", "Expect: 100-continue\r\n");
  connection.send(whole.substr(0, whole.size() - 2));
  EXPECT_EQ(connection.receive().status, 100);
  connection.send("{}");
  served.engine.wait_asked(1);
  served.engine.answer({Answer::Kind::answered, "x"});
  EXPECT_EQ(connection.receive().body, "x");
}

TEST(ServerLimits, RefuseAnEndlessHead) {
  const Served served;
  const std::string request =
      served.address.request("GET", "progress", "", "X-Long: " + std::string(20'000, 'x') + "\r\n");
  EXPECT_EQ(served.address.send(request).status, 431);
}

/// A request in which something is wrong: bytes changed, left out or added, or all of them random.
std::string malformed(const std::string& good, std::mt19937_64& random) {
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
  std::string bytes = good;
  switch (below(5)) {
    case 0:
      return bytes.substr(0, below(bytes.size()));
    case 1:
      bytes[below(bytes.size())] = static_cast<char>(below(256));
      return bytes;
    case 2:
      bytes.insert(below(bytes.size()), below(200), static_cast<char>(below(256)));
      return bytes;
    case 3:
      bytes.erase(below(bytes.size()), 1 + below(20));
      return bytes;
    default:
      bytes.resize(1 + below(500));
      for (char& c : bytes) c = static_cast<char>(below(256));
      return bytes;
  }
}

TEST(ServerLimits, SurviveTenThousandMalformedRequests) {
  ServerLimits limits;
  limits.connection.head = 500ms;
  Served served(limits);
  served.engine.saved = [](std::int64_t) -> SavedArchive { return {{}, "", "none", false}; };
  std::mt19937_64 random(1);
  const std::string good = served.address.request("GET", "archive/7");
  for (int i = 0; i < 10'000; ++i) {
    HttpConnection connection(served.address.port);
    connection.send(malformed(good, random));
    // Some are cut, so that the server waits for more: their connections are left.
    if (i % 10 == 0) {
      const HttpReply reply = connection.receive(20ms);
      EXPECT_THAT(reply.status, AnyOf(0, 400, 403, 404, 405, 431));
    }
  }
  EXPECT_EQ(served.address.call("GET", "progress").status, 200);
}

TEST(ServerLimits, SurviveAHundredClientsThatHang) {
  const Served served;
  std::deque<HttpConnection> hanging;
  const std::string request = served.address.request("POST", "run", std::string(1000, ' '));
  // They stop at the connection, in the head, after it, and in the body.
  for (std::size_t i = 0; i < 100; ++i) {
    hanging.emplace_back(served.address.port);
    hanging.back().send(request.substr(0, i * (request.size() - 1) / 99));
  }
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(served.address.call("GET", "progress").status, 200);
  // With the limits of the product, the first of them are closed after 15 s.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
  EXPECT_THAT(served.engine.asked(), ElementsAre());
}

TEST(ServerLimits, CloseConnectionsThatHang) {
  ServerLimits limits;
  limits.connection.head = 200ms;
  limits.connection.body = 200ms;
  const Served served(limits);
  const std::string request = served.address.request("POST", "run", "{}");
  for (const std::size_t sent : {std::size_t{0}, std::size_t{10}, request.size() - 1}) {
    HttpConnection connection(served.address.port);
    connection.send(request.substr(0, sent));
    EXPECT_TRUE(connection.is_closed_within(20s)) << sent;
  }
}

TEST(ServerLimits, MakeRoomForNewClients) {
  ServerLimits limits;
  limits.connections = 10;
  Served served(limits);
  HttpConnection asking(served.address.port);
  asking.send(served.address.request("POST", "run", "{}"));
  served.engine.wait_asked(1);
  std::deque<HttpConnection> hanging;
  for (int i = 0; i < 50; ++i) hanging.emplace_back(served.address.port);
  EXPECT_EQ(served.address.call("GET", "progress").status, 200);
  EXPECT_TRUE(hanging.front().is_closed_within(20s));
  // The client that waits for an answer is not one that hangs.
  served.engine.answer({Answer::Kind::answered, "x"});
  EXPECT_EQ(asking.receive().body, "x");
}

TEST(ServerLimits, RefuseAPortInUse) {
  boost::asio::io_context context;
  const auto first = listen_at(context, 0);
  const std::uint16_t port = first.local_endpoint().port();
  EXPECT_THAT(message_of<UsageError>([&] { listen_at(context, port); }),
              HasSubstr("serve: port " + std::to_string(port)));
  EXPECT_TRUE(first.local_endpoint().address().is_loopback());
}

}  // namespace
}  // namespace lensbench::serve
