#include "serve/problem.h"

#include "wire/json_out.h"

namespace waybill::serve {

int status_of(Code code) {
  switch (code) {
    case Code::invalid: return 400;
    case Code::denied: return 403;
    case Code::not_found: return 404;
    case Code::conflict: return 409;
    case Code::overloaded: return 503;
    case Code::unavailable: return 503;
    case Code::corrupt: return 500;
  }
  return 500;
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 410: return "Gone";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return "Unknown";
  }
}

Reply reply_of(const Problem& problem) {
  wire::JsonWriter json;
  json.begin_object();
  json.key("type").text("about:blank");
  json.key("title").text(reason_phrase(problem.status));
  json.key("status").integer(problem.status);
  if (!problem.detail.empty()) json.key("detail").text(problem.detail);
  if (!problem.field.empty()) json.key("field").text(problem.field);
  if (!problem.expected.empty()) json.key("expected").text(problem.expected);
  json.end_object();
  Reply reply{.status = problem.status, .body = json.take(), .content_type = "application/problem+json"};
  if (problem.status == 503 || problem.status == 429) reply.headers.emplace_back("Retry-After", retry_after_s);
  return reply;
}

Reply reply_of(const Error& error) {
  const int status = status_of(error.code);
  return reply_of(Problem{.status = status, .detail = status == 500 ? "the server's log says more" : error.message});
}

Reply refused(const wire::ItemFailure& failure) {
  return reply_of(Problem{.status = failure.field == "body" ? 400 : 422,
                          .detail = failure.field + ": " + failure.reason,
                          .field = failure.field,
                          .expected = failure.reason});
}

Reply refused(const Error& error) {
  const size_t colon = error.message.find(": ");
  if (error.code != Code::invalid || colon == std::string::npos) return reply_of(error);
  return refused(
      wire::ItemFailure{.field = error.message.substr(0, colon), .reason = error.message.substr(colon + 2), .raw = {}});
}

Reply bad_parameter(std::string_view name, std::string_view expected) {
  return reply_of(Problem{.status = 400,
                          .detail = "parameter " + std::string(name) + " is not " + std::string(expected),
                          .field = std::string(name),
                          .expected = std::string(expected)});
}

}  // namespace waybill::serve
