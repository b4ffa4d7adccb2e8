// serve/asio.h — Asio's types by their names, so that headers of this room can speak of them without its headers.
#pragma once

namespace boost::system {
class error_code;
}
namespace boost::asio {
class io_context;
class thread_pool;
class any_io_executor;
template <typename Protocol, typename Executor>
class basic_stream_socket;
namespace ip {
class tcp;
}
}  // namespace boost::asio

namespace waybill::serve {

using TcpSocket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::any_io_executor>;
using ErrorCode = boost::system::error_code;

}  // namespace waybill::serve
