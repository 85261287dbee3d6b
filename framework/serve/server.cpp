#include "serve/server.hpp"

#include <boost/asio/post.hpp>
#include <charconv>
#include <csignal>
#include <iterator>
#include <lensbench/error.hpp>
#include <utility>

// The paths below the address of the page, and what they answer. Everything here runs on one
// thread; the engine calls back on another one.

namespace lensbench::serve {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using http::status;
using http::verb;

Reply not_allowed(const std::string& path, const std::string& allowed) {
  Reply reply = problem(status::method_not_allowed, path + ": expected " + allowed);
  reply.headers.emplace_back("Allow", allowed);
  return reply;
}

Reply of_answer(Answer answer) {
  switch (answer.kind) {
    case Answer::Kind::answered:
      return {status::ok, "application/octet-stream", std::move(answer.body)};
    case Answer::Kind::refused:
      return problem(status::unprocessable_entity, answer.body);
    case Answer::Kind::cancelled:
      return {status::ok, "application/json", R"({"cancelled":true})"};
    default:
      return problem(status::internal_server_error, answer.body);
  }
}

Reply of_archive(SavedArchive archive) {
  if (!archive.is_known) return problem(status::not_found, archive.problem);
  if (!archive.problem.empty()) return problem(status::internal_server_error, archive.problem);
  Reply reply{status::ok, "application/x-hdf5", ""};
  reply.headers.emplace_back("Content-Disposition",
                             "attachment; filename=\"" + archive.name + "\"");
  reply.file = std::move(archive.file);
  return reply;
}

std::optional<std::int64_t> number_of(const std::string& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 1) return std::nullopt;
  return number;
}

}  // namespace

/// Another process may listen at the port, or it may be one for the administrator alone.
tcp::acceptor listen_at(asio::io_context& context, std::uint16_t port) {
  const tcp::endpoint endpoint(asio::ip::address_v4::loopback(), port);
  tcp::acceptor acceptor(context);
  boost::system::error_code error;
  acceptor.open(endpoint.protocol(), error);
  // Connections that ended a minute ago do not keep the port.
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error)
    throw UsageError("serve: port " + std::to_string(port) + " of 127.0.0.1 cannot be used (" +
                     error.message() + "); name another one with --port, or leave it out");
  return acceptor;
}

Server::Server(asio::io_context& context, Engine& engine, tcp::acceptor acceptor,
               ServerLimits limits)
    : context_(context),
      engine_(engine),
      limits_(limits),
      acceptor_(std::move(acceptor)),
      signals_(context),
      pause_(context),
      gate_(new_token(), acceptor_.local_endpoint().port()),
      document_(document(engine.description())) {
  accept();
}

void Server::end_at_signals() {
  signals_.add(SIGINT);
  signals_.add(SIGTERM);
  signals_.async_wait([this](boost::system::error_code error, int) {
    if (!error) stop();
  });
}

void Server::stop() {
  boost::system::error_code ignored;
  signals_.clear(ignored);
  acceptor_.close(ignored);
  pause_.cancel();
  engine_.cancel(std::nullopt);
  for (const auto& weak : connections_)
    if (const auto connection = weak.lock()) connection->close();
  context_.stop();
}

void Server::accept() {
  acceptor_.async_accept([this](boost::system::error_code error, tcp::socket socket) {
    on_accept(error, std::move(socket));
  });
}

void Server::on_accept(boost::system::error_code error, tcp::socket socket) {
  if (!acceptor_.is_open()) return;
  if (error) {
    // The process has no more file descriptors, for example: others may be closed soon.
    pause_.expires_after(std::chrono::milliseconds(100));
    pause_.async_wait([this](boost::system::error_code stopped) {
      if (!stopped) accept();
    });
    return;
  }
  make_room();
  boost::system::error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  const auto connection =
      std::make_shared<Connection>(std::move(socket), gate_, limits_.connection, *this);
  connections_.push_back(connection);
  connection->start();
  accept();
}

/// Closes the connection that has waited longest when there are too many: clients that hang do not
/// keep others out.
void Server::make_room() {
  std::erase_if(connections_, [](const auto& connection) { return connection.expired(); });
  if (connections_.size() < limits_.connections) return;
  for (const auto& weak : connections_)
    if (const auto oldest = weak.lock(); oldest && !oldest->is_answering()) return oldest->close();
}

Reply Server::page() const {
  Reply reply{status::ok, "text/html; charset=utf-8", document_.html};
  reply.headers.emplace_back("Content-Security-Policy", document_.policy);
  return reply;
}

std::function<void()> Server::answer(Call call, std::function<void(Reply)> reply) {
  const std::string path = call.path;
  const bool is_get = call.verb == verb::get;
  if (path.empty()) {
    reply(is_get ? page() : not_allowed("page", "GET"));
  } else if (path == "run") {
    if (call.verb == verb::post) return ask(std::move(call), std::move(reply));
    reply(call.verb == verb::delete_ ? cancel("") : not_allowed(path, "POST, DELETE"));
  } else if (path.starts_with("run/")) {
    reply(call.verb == verb::delete_ ? cancel(path.substr(4)) : not_allowed(path, "DELETE"));
  } else if (path == "progress") {
    reply(is_get ? Reply{status::ok, "application/json", engine_.progress().dump()}
                 : not_allowed(path, "GET"));
  } else if (path.starts_with("archive/")) {
    if (is_get)
      save(path.substr(8), std::move(reply));
    else
      reply(not_allowed(path, "GET"));
  } else {
    reply(problem(status::not_found, "request: no such path"));
  }
  return nullptr;
}

std::function<void()> Server::ask(Call call, std::function<void(Reply)> reply) {
  // A page of another site can send other types without asking the browser first.
  if (!call.content_type.starts_with("application/json")) {
    reply(problem(
        status::unsupported_media_type,
        "question: Content-Type is '" + call.content_type + "', expected application/json"));
    return nullptr;
  }
  const auto number = engine_.ask(std::move(call.body), [this, reply](Answer answer) {
    asio::post(context_, [reply, answer = std::move(answer)]() mutable {
      reply(of_answer(std::move(answer)));
    });
  });
  if (!number) {
    reply(problem(status::conflict,
                  "question: another one is being answered; wait for its end, or cancel it"));
    return nullptr;
  }
  return [this, number] { engine_.cancel(number); };
}

void Server::save(const std::string& text, std::function<void(Reply)> reply) {
  const auto number = number_of(text);
  if (!number) return reply(problem(status::not_found, "archive: no such answer"));
  engine_.save(*number, [this, reply](SavedArchive archive) {
    // A function that can be copied holds the file, which cannot.
    const auto shared = std::make_shared<SavedArchive>(std::move(archive));
    asio::post(context_, [reply, shared] { reply(of_archive(std::move(*shared))); });
  });
}

Reply Server::cancel(const std::string& text) {
  const auto number = number_of(text);
  if (!text.empty() && !number) return problem(status::not_found, "run: no such question");
  const bool runs = engine_.cancel(number);
  return {status::ok, "application/json",
          runs ? R"({"cancelled":true})" : R"({"cancelled":false})"};
}

}  // namespace lensbench::serve
