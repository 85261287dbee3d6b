#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "serve/address.hpp"
#include "serve/reply.hpp"

namespace lensbench::serve {

/// Limits of a connection.
struct ConnectionLimits {
  std::size_t body_bytes = std::size_t{1} << 20;
  std::size_t head_bytes = std::size_t{16} << 10;
  std::chrono::milliseconds head{15'000};   ///< for a request to arrive, and between two of them
  std::chrono::milliseconds body{30'000};   ///< for a body to arrive
  std::chrono::milliseconds write{30'000};  ///< for an answer to be taken
};

/// A request that was admitted.
struct Call {
  boost::beast::http::verb verb;
  std::string path;          ///< below the address of the page
  std::string content_type;  ///< header Content-Type
  std::string body;
};

/// What answers calls.
class Calls {
 public:
  virtual ~Calls();
  /// Calls `reply` once, at once or later, on the thread of the connections.
  /// \return called when the client goes away before the reply; may be empty
  virtual std::function<void()> answer(Call call, std::function<void(Reply)> reply) = 0;
};

/// One connection of a client: reads requests, refuses what is malformed, too large, too slow or
/// not admitted, and writes the replies. It lives until it is closed.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(boost::asio::ip::tcp::socket socket, const Gate& gate, const ConnectionLimits& limits,
             Calls& calls);

  void start() { read_head(); }
  /// Whether a request is being answered.
  bool is_answering() const { return is_answering_; }
  void close();

 private:
  using Code = boost::system::error_code;

  void read_head();
  void on_head(Code error);
  void allow_body();
  void read_body();
  void on_body(Code error);
  void refuse(Code error);
  std::optional<std::string> admitted_path() const;
  void call();
  void watch();
  void send(Reply reply, bool is_last);
  template <class Body>
  void write(boost::beast::http::response<Body> response, bool is_last);
  void linger();
  void drain();

  boost::beast::tcp_stream stream_;
  const Gate& gate_;
  const ConnectionLimits& limits_;
  Calls& calls_;
  boost::beast::flat_buffer buffer_;
  std::optional<boost::beast::http::request_parser<boost::beast::http::string_body>> parser_;
  std::string path_;
  bool is_answering_ = false;
  std::function<void()> gone_;  ///< called if the client of the current call goes away
};

}  // namespace lensbench::serve
