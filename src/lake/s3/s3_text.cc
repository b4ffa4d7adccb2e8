#include "lake/s3/s3_text.h"

#include <pugixml.hpp>

#include <charconv>

namespace waybill::lake {
namespace {

std::unexpected<Error> not_understood(std::string_view what) {
  return fail(Code::unavailable, "expected " + std::string(what) + " in the store's answer");
}

bool is_root(const pugi::xml_document& document, std::string_view name) {
  return document.document_element().name() == name;
}

std::string xml_escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&quot;"; break;
      default: escaped += c;
    }
  }
  return escaped;
}

}  // namespace

std::string percent_encoded(std::string_view text, Slash slash) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~' || (c == '/' && slash == Slash::kept);
    if (plain) {
      encoded += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    encoded += {'%', digits[byte >> 4], digits[byte & 15]};
  }
  return encoded;
}

std::string query_text(const std::map<std::string, std::string>& query) {
  std::string text;
  for (const auto& [name, value] : query)
    text += (text.empty() ? "" : "&") + percent_encoded(name, Slash::encoded) + '=' +
            percent_encoded(value, Slash::encoded);
  return text;
}

S3Error s3_error(std::string_view xml) {
  pugi::xml_document document;
  if (!document.load_buffer(xml.data(), xml.size()) || !is_root(document, "Error")) return {};
  const pugi::xml_node root = document.document_element();
  return {.code = one_line(root.child_value("Code")),
          .message = one_line(root.child_value("Message")),
          .server_time = one_line(root.child_value("ServerTime"))};
}

Result<S3Page> s3_page(std::string_view xml) {
  pugi::xml_document document;
  if (!document.load_buffer(xml.data(), xml.size()) || !is_root(document, "ListBucketResult"))
    return not_understood("a ListBucketResult");
  const pugi::xml_node root = document.document_element();
  S3Page page;
  for (const pugi::xml_node& object : root.children("Contents")) {
    ObjectInfo info{.key = object.child_value("Key")};
    const std::string_view size = object.child_value("Size");
    const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), info.bytes);
    if (error != std::errc() || end != size.data() + size.size()) return not_understood("a Size with each Key");
    page.objects.push_back(std::move(info));
  }
  if (std::string_view(root.child_value("IsTruncated")) == "true") {
    page.next = root.child_value("NextContinuationToken");
    if (page.next.empty()) return not_understood("a NextContinuationToken");
  }
  return page;
}

Result<std::string> s3_upload_id(std::string_view xml) {
  pugi::xml_document document;
  if (document.load_buffer(xml.data(), xml.size()) && is_root(document, "InitiateMultipartUploadResult"))
    if (std::string id = document.document_element().child_value("UploadId"); !id.empty()) return id;
  return not_understood("an UploadId");
}

std::string s3_parts(const std::vector<std::string>& etags) {
  std::string text = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  for (size_t i = 0; i < etags.size(); ++i)
    text +=
        "<Part><PartNumber>" + std::to_string(i + 1) + "</PartNumber><ETag>" + xml_escaped(etags[i]) + "</ETag></Part>";
  return text + "</CompleteMultipartUpload>";
}

std::string one_line(std::string_view text) {
  constexpr size_t bytes_max = 300;
  std::string line(text.substr(0, bytes_max));
  for (char& c : line)
    if (c < ' ' || c > '~') c = ' ';
  return line;
}

}  // namespace waybill::lake
