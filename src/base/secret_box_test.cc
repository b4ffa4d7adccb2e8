#include "base/secret_box.h"

#include <gtest/gtest.h>

namespace waybill {
namespace {

// "a text" under "correct horse" and a nonce of 0, 1, 2 …, made by libsodium's crypto_secretbox_easy.
constexpr std::string_view sealed = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXfQj/+LIv1gSTNnYo1Ttdp7YNwcM56w==";

TEST(SecretBox, opens_with_the_passphrase_that_it_was_sealed_with_and_no_other) {
  EXPECT_EQ(open_secret_box("correct horse", sealed), "a text");
  EXPECT_FALSE(open_secret_box("correct horsf", sealed));
  EXPECT_FALSE(open_secret_box("", sealed));
  EXPECT_FALSE(open_secret_box("longer than the thirty-two bytes of a key", sealed));
}

TEST(SecretBox, what_was_changed_cut_or_is_no_base64_is_not_opened) {
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string changed(sealed);
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(open_secret_box("correct horse", changed)) << i;
    EXPECT_FALSE(open_secret_box("correct horse", sealed.substr(0, i))) << i;
  }
  EXPECT_FALSE(open_secret_box("correct horse", "no base64!"));
}

}  // namespace
}  // namespace waybill
