#include "serve/poller.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <sys/epoll.h>

#include "base/check.h"

namespace waybill::serve {

namespace asio = boost::asio;

namespace {

constexpr int events_max = 256;  // before others of the loop have their turn

}  // namespace

struct Poller::State {
  explicit State(asio::io_context& io) : epoll(io, ::epoll_create1(EPOLL_CLOEXEC)) {}

  asio::posix::stream_descriptor epoll;
  std::array<epoll_event, events_max> events{};
  int found = 0;  // of which some may be told of already
  bool ended = false;
};

Poller::Poller(asio::io_context& io) : state_(std::make_unique<State>(io)) {
  CHECK(state_->epoll.native_handle() >= 0, "there is a descriptor for epoll");
}

Poller::~Poller() = default;

void Poller::begin() { wait(); }

void Poller::end() {
  state_->ended = true;  // it may be called by one who is being told
  ErrorCode ignored;
  state_->epoll.cancel(ignored);
}

bool Poller::add(int socket, Polled& polled) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &polled;
  return ::epoll_ctl(state_->epoll.native_handle(), EPOLL_CTL_ADD, socket, &event) == 0;
}

void Poller::remove(int socket, Polled& polled) {
  (void)::epoll_ctl(state_->epoll.native_handle(), EPOLL_CTL_DEL, socket, nullptr);
  for (int i = 0; i < state_->found; ++i)
    if (state_->events[static_cast<size_t>(i)].data.ptr == &polled)
      state_->events[static_cast<size_t>(i)].data.ptr = nullptr;
}

void Poller::wait() {
  state_->epoll.async_wait(asio::posix::stream_descriptor::wait_read, [this](const ErrorCode& error) {
    if (error) return;
    look();
    if (!state_->ended) wait();
  });
}

bool Poller::look() {
  State& state = *state_;
  state.found = std::max(0, ::epoll_wait(state.epoll.native_handle(), state.events.data(), events_max, 0));
  for (int i = 0; i < state.found; ++i) {
    const epoll_event& event = state.events[static_cast<size_t>(i)];
    if (event.data.ptr == nullptr) continue;
    const bool over = (event.events & (EPOLLERR | EPOLLHUP)) != 0;
    const bool no_more = over || (event.events & EPOLLRDHUP) != 0;
    static_cast<Polled*>(event.data.ptr)
        ->ready((event.events & EPOLLIN) != 0 || no_more, (event.events & EPOLLOUT) != 0 || over, no_more);
  }
  return std::exchange(state.found, 0) > 0;
}

}  // namespace waybill::serve
