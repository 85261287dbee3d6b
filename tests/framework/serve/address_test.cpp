#include "serve/address.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

// Which requests are for the server: the rules of docs/serve.md.

namespace lensbench::serve {
namespace {

const std::string kToken = "00112233445566778899aabbccddeeff";

class GateTest : public ::testing::Test {
 protected:
  bool admits(const std::string& host, const std::optional<std::string>& origin = {},
              const std::string& target = "/" + kToken + "/run") const {
    return gate.path(host, origin, target).has_value();
  }
  const Gate gate{kToken, 8080};
};

TEST_F(GateTest, GivesThePathBelowItsAddress) {
  EXPECT_EQ(gate.url(), "http://127.0.0.1:8080/" + kToken + "/");
  EXPECT_EQ(gate.path("127.0.0.1:8080", {}, "/" + kToken + "/"), "");
  EXPECT_EQ(gate.path("127.0.0.1:8080", {}, "/" + kToken + "/archive/7?x=1"), "archive/7");
}

TEST_F(GateTest, AdmitsTheNamesOfTheLoopbackAddressWithThePort) {
  for (const char* host : {"127.0.0.1:8080", "localhost:8080", "LocalHost:8080", "[::1]:8080"})
    EXPECT_TRUE(admits(host)) << host;
  for (const char* host : {"", "127.0.0.1", "127.0.0.1:80", "127.0.0.1:80800", "example.org:8080",
                           "localhost.example.org:8080", "127.0.0.2:8080", "0.0.0.0:8080"})
    EXPECT_FALSE(admits(host)) << host;
}

TEST_F(GateTest, AdmitsItsOwnOriginAlone) {
  for (const char* origin : {"http://127.0.0.1:8080", "http://localhost:8080"})
    EXPECT_TRUE(admits("127.0.0.1:8080", origin)) << origin;
  for (const char* origin :
       {"", "null", "http://127.0.0.1", "https://127.0.0.1:8080", "http://127.0.0.1:8081",
        "http://example.org", "http://127.0.0.1:8080.example.org", "file://"})
    EXPECT_FALSE(admits("127.0.0.1:8080", origin)) << origin;
}

TEST_F(GateTest, WantsTheWholeToken) {
  std::string other = kToken;
  other.back() = 'e';
  for (const std::string& target :
       {std::string("/"), std::string(), "/" + kToken, "/" + other + "/run",
        "/" + kToken.substr(1) + "/run", "//" + kToken + "/run", "/" + kToken + "0/run",
        "http://127.0.0.1:8080/" + kToken + "/run", "/run?" + kToken})
    EXPECT_FALSE(admits("127.0.0.1:8080", {}, target)) << target;
}

TEST(Token, Has128BitsThatDiffer) {
  std::set<std::string> tokens;
  for (int i = 0; i < 1000; ++i) tokens.insert(new_token());
  EXPECT_EQ(tokens.size(), 1000u);
  EXPECT_THAT(*tokens.begin(), ::testing::MatchesRegex("[0-9a-f]{32}"));
}

}  // namespace
}  // namespace lensbench::serve
