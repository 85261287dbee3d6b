#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

// A client that shares nothing with the server: sockets and text alone, so that it can also send
// what is not HTTP.

namespace lensbench::testing {

/// A reply as it was received; status 0 if the connection ended without one.
struct HttpReply {
  int status = 0;
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
};

/// One connection to a port of 127.0.0.1.
class HttpConnection {
 public:
  explicit HttpConnection(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
      ::close(socket_);
      throw std::runtime_error("no connection to port " + std::to_string(port));
    }
  }
  ~HttpConnection() { close(); }
  HttpConnection(HttpConnection&& other) noexcept
      : socket_(std::exchange(other.socket_, -1)), read_(std::move(other.read_)) {}
  HttpConnection& operator=(HttpConnection&&) = delete;

  void close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }

  /// Sends what the server still takes. \return whether it took all
  bool send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  /// Waits for a whole reply.
  HttpReply receive(std::chrono::milliseconds limit = std::chrono::seconds(60)) {
    HttpReply reply;
    const auto end = std::chrono::steady_clock::now() + limit;
    std::size_t head = 0;
    while ((head = read_.find("\r\n\r\n")) == std::string::npos)
      if (!read_more(end)) return reply;
    parse_head(reply, read_.substr(0, head));
    read_.erase(0, head + 4);
    const auto length = reply.headers.find("content-length");
    const std::size_t bytes = length == reply.headers.end() ? 0 : std::stoul(length->second);
    while (read_.size() < bytes)
      if (!read_more(end)) throw std::runtime_error("the body of a reply is cut");
    reply.body = read_.substr(0, bytes);
    read_.erase(0, bytes);
    return reply;
  }

  /// Whether the server closes the connection within a time.
  bool is_closed_within(std::chrono::milliseconds limit) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (std::chrono::steady_clock::now() < end)
      if (!read_more(end)) return std::chrono::steady_clock::now() < end;
    return false;
  }

 private:
  bool read_more(std::chrono::steady_clock::time_point end) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    pollfd ready{socket_, POLLIN, 0};
    if (::poll(&ready, 1, static_cast<int>(std::max<std::int64_t>(0, left.count()))) <= 0)
      return false;
    char bytes[65536];
    const ssize_t count = ::recv(socket_, bytes, sizeof bytes, 0);
    if (count <= 0) return false;
    read_.append(bytes, static_cast<std::size_t>(count));
    return true;
  }

  static void parse_head(HttpReply& reply, const std::string& head) {
    reply.status = std::stoi(head.substr(head.find(' ') + 1, 3));
    for (std::size_t at = head.find("\r\n"); at != std::string::npos;) {
      const std::size_t next = head.find("\r\n", at + 2);
      const std::string line = head.substr(at + 2, next - at - 2);
      const std::size_t colon = line.find(':');
      std::string name = line.substr(0, colon);
      std::transform(name.begin(), name.end(), name.begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      reply.headers[name] = line.substr(line.find_first_not_of(' ', colon + 1));
      at = next;
    }
  }

  int socket_;
  std::string read_;
};

/// Address that a server printed: `http://127.0.0.1:PORT/TOKEN/`.
struct HttpAddress {
  explicit HttpAddress(const std::string& url) {
    const std::size_t colon = url.rfind(':'), slash = url.find('/', colon);
    port = static_cast<std::uint16_t>(std::stoi(url.substr(colon + 1, slash - colon - 1)));
    path = url.substr(slash, url.find_first_of("\r\n", slash) - slash);
  }
  std::string host() const { return "127.0.0.1:" + std::to_string(port); }

  /// A request below the address, with the headers of a browser.
  std::string request(const std::string& method, const std::string& below,
                      const std::string& body = "", const std::string& more = "") const {
    std::string text = method + " " + path + below + " HTTP/1.1\r\nHost: " + host() + "\r\n" + more;
    if (method == "POST" || method == "DELETE") text += "Origin: http://" + host() + "\r\n";
    if (method == "POST") text += "Content-Type: application/json\r\n";
    if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return text + "\r\n" + body;
  }

  HttpReply call(const std::string& method, const std::string& below,
                 const std::string& body = "") const {
    return send(request(method, below, body));
  }

  /// Sends bytes on a connection of their own.
  HttpReply send(const std::string& bytes) const {
    HttpConnection connection(port);
    connection.send(bytes);
    return connection.receive();
  }

  std::uint16_t port = 0;
  std::string path;
};

}  // namespace lensbench::testing
