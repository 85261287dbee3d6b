#include "serve/connection.hpp"

#include <unistd.h>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/http/file_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <nlohmann/json.hpp>
#include <utility>

// The order of the checks: a request without the right host, origin and token is refused before its
// body is read.

namespace lensbench::serve {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

std::string text_of(beast::string_view text) {
  return {text.data(), text.size()};
}

/// Headers of every reply: nothing is kept by the browser, read by other sites or shown in a frame.
template <class Body>
void add_common_headers(http::response<Body>& response, const Reply& reply) {
  response.set(http::field::content_type, reply.type);
  response.set(http::field::cache_control, "no-store");
  response.set("X-Content-Type-Options", "nosniff");
  response.set("Referrer-Policy", "no-referrer");
  response.set("Cross-Origin-Resource-Policy", "same-origin");
  for (const auto& [name, value] : reply.headers) response.set(name, value);
}

/// The reply to a request that could not be read.
Reply problem_of(boost::system::error_code error, const ConnectionLimits& limits) {
  if (error == http::error::body_limit)
    return problem(http::status::payload_too_large,
                   "request: the body exceeds " + std::to_string(limits.body_bytes) + " bytes");
  if (error == http::error::header_limit)
    return problem(http::status::request_header_fields_too_large,
                   "request: the head exceeds " + std::to_string(limits.head_bytes) + " bytes");
  return problem(http::status::bad_request, "request: not valid HTTP (" + error.message() + ")");
}

Reply forbidden() {
  return problem(http::status::forbidden,
                 "request: not from the page of this server; open the address that lensbench serve "
                 "printed");
}

}  // namespace

Calls::~Calls() = default;

Reply problem(http::status status, const std::string& sentence) {
  Reply reply;
  reply.status = status;
  reply.body = nlohmann::json{{"error", sentence}}.dump(-1, ' ', false,
                                                        nlohmann::json::error_handler_t::replace);
  return reply;
}

Connection::Connection(asio::ip::tcp::socket socket, const Gate& gate,
                       const ConnectionLimits& limits, Calls& calls)
    : stream_(std::move(socket)),
      gate_(gate),
      limits_(limits),
      calls_(calls),
      buffer_(limits.head_bytes + limits.body_bytes + 4096) {}

void Connection::close() {
  Code ignored;
  stream_.socket().close(ignored);
}

void Connection::read_head() {
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(limits_.head_bytes));
  parser_->body_limit(limits_.body_bytes);
  stream_.expires_after(limits_.head);
  http::async_read_header(
      stream_, buffer_, *parser_,
      [self = shared_from_this()](Code error, std::size_t) { self->on_head(error); });
}

std::optional<std::string> Connection::admitted_path() const {
  const auto& request = parser_->get();
  // Two hosts or origins are those of a request that wants to be taken for another one.
  if (request.count(http::field::host) != 1 || request.count(http::field::origin) > 1)
    return std::nullopt;
  std::optional<std::string> origin;
  if (request.count(http::field::origin) == 1) origin = text_of(request[http::field::origin]);
  return gate_.path(text_of(request[http::field::host]), origin, text_of(request.target()));
}

void Connection::on_head(Code error) {
  // A body that is too large is known by its stated length when the head is complete.
  if (error && error != http::error::body_limit) return refuse(error);
  const auto path = admitted_path();
  if (!path) return send(forbidden(), true);
  if (error) return refuse(error);
  path_ = *path;
  if (beast::iequals(parser_->get()[http::field::expect], "100-continue")) return allow_body();
  read_body();
}

/// A client may wait for the word of the server before it sends a body.
void Connection::allow_body() {
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  asio::async_write(stream_, asio::buffer(kContinue.data(), kContinue.size()),
                    [self = shared_from_this()](Code error, std::size_t) {
                      if (error) return self->close();
                      self->read_body();
                    });
}

void Connection::read_body() {
  stream_.expires_after(limits_.body);
  http::async_read(stream_, buffer_, *parser_,
                   [self = shared_from_this()](Code error, std::size_t) { self->on_body(error); });
}

void Connection::on_body(Code error) {
  if (error) return refuse(error);
  call();
}

/// A client that went away or is too slow gets no reply.
void Connection::refuse(Code error) {
  const bool is_malformed = error.category() == make_error_code(http::error::bad_method).category();
  if (!is_malformed || error == http::error::end_of_stream) return close();
  send(problem_of(error, limits_), true);
}

void Connection::call() {
  auto& request = parser_->get();
  const bool is_last = !request.keep_alive();
  is_answering_ = true;
  stream_.expires_never();
  Call call{request.method(), path_, text_of(request[http::field::content_type]),
            std::move(request.body())};
  // The reply may come at once, or when the client is gone already.
  auto gone = calls_.answer(std::move(call), [self = shared_from_this(), is_last](Reply reply) {
    self->send(std::move(reply), is_last);
  });
  if (!is_answering_) return;
  gone_ = std::move(gone);
  watch();
}

/// Waits for the end of the connection while a request is being answered.
void Connection::watch() {
  stream_.socket().async_wait(asio::ip::tcp::socket::wait_read,
                              [self = shared_from_this()](Code error) {
                                if (error || !self->is_answering_) return;
                                Code ignored;
                                // A further request waits for its turn.
                                if (self->stream_.socket().available(ignored) > 0) return;
                                if (const auto gone = std::exchange(self->gone_, nullptr)) gone();
                              });
}

void Connection::send(Reply reply, bool is_last) {
  if (is_answering_) {
    Code ignored;
    stream_.socket().cancel(ignored);  // ends `watch`
  }
  is_answering_ = false;
  gone_ = nullptr;
  if (!reply.file) {
    http::response<http::string_body> response{reply.status, 11};
    add_common_headers(response, reply);
    response.body() = std::move(reply.body);
    return write(std::move(response), is_last);
  }
  http::response<http::file_body> response{reply.status, 11};
  add_common_headers(response, reply);
  beast::file_posix file;
  file.native_handle(::dup(reply.file.get()));
  Code error;
  response.body().reset(std::move(file), error);
  if (error) return close();
  write(std::move(response), is_last);
}

template <class Body>
void Connection::write(http::response<Body> response, bool is_last) {
  const auto shared = std::make_shared<http::response<Body>>(std::move(response));
  shared->keep_alive(!is_last);
  shared->prepare_payload();
  stream_.expires_after(limits_.write);
  http::async_write(stream_, *shared,
                    [self = shared_from_this(), shared, is_last](Code error, std::size_t) {
                      if (error) return self->close();
                      if (is_last) return self->linger();
                      self->read_head();
                    });
}

/// Reads what the client still sends before the connection is closed: with unread data, the system
/// would reset the connection and the client might lose the reply.
void Connection::linger() {
  Code error;
  stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, error);
  if (error) return close();
  stream_.expires_after(std::chrono::seconds(2));
  drain();
}

void Connection::drain() {
  buffer_.clear();
  stream_.async_read_some(buffer_.prepare(std::size_t{16} << 10),
                          [self = shared_from_this()](Code error, std::size_t) {
                            if (error) return self->close();
                            self->drain();
                          });
}

}  // namespace lensbench::serve
