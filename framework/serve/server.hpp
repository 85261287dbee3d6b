#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <list>
#include <memory>
#include <string>

#include "serve/address.hpp"
#include "serve/connection.hpp"
#include "serve/document.hpp"
#include "serve/engine.hpp"

namespace lensbench::serve {

/// Limits of a server.
struct ServerLimits {
  ConnectionLimits connection = {};
  std::size_t connections = 200;  ///< open at the same time
};

/// Begins to listen at a port of the loopback address. \param port  0: a free one
/// \throws UsageError if the port cannot be had
boost::asio::ip::tcp::acceptor listen_at(boost::asio::io_context& context, std::uint16_t port);

/// The live page on a port of the loopback address, for programs of this machine that know its
/// token.
class Server final : public Calls {
 public:
  /// \param context   runs the connections; it must outlive the server and the engine
  /// \param acceptor  of `listen_at`
  Server(boost::asio::io_context& context, Engine& engine, boost::asio::ip::tcp::acceptor acceptor,
         ServerLimits limits = {});

  std::string url() const { return gate_.url(); }

  /// Ends the server at SIGINT or SIGTERM. A second signal ends the process.
  void end_at_signals();
  /// Ends it: refuses connections, closes those that are open and cancels the question that runs.
  /// To be called on the thread of the context.
  void stop();

  std::function<void()> answer(Call call, std::function<void(Reply)> reply) override;

 private:
  void accept();
  void on_accept(boost::system::error_code error, boost::asio::ip::tcp::socket socket);
  void make_room();
  Reply page() const;
  std::function<void()> ask(Call call, std::function<void(Reply)> reply);
  void save(const std::string& number, std::function<void(Reply)> reply);
  Reply cancel(const std::string& number);

  boost::asio::io_context& context_;
  Engine& engine_;
  ServerLimits limits_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer pause_;
  Gate gate_;
  Document document_;
  std::list<std::weak_ptr<Connection>> connections_;  ///< the oldest first
};

}  // namespace lensbench::serve
