// The parts of Asio and Beast that can be compiled once are compiled here.
#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
