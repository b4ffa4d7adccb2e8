# What `cmake --install` lays down, and the Debian package of it: script/package. Depends come from dpkg-shlibdeps.
include(GNUInstallDirs)
set(deploy ${CMAKE_SOURCE_DIR}/deploy)

# Debian wants manual pages, and changelogs, packed without a time in them.
find_program(GZIP gzip)
function(install_packed file name destination)
  add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/${name}.gz DEPENDS ${file}
    COMMAND ${GZIP} -9 -n -c ${file} > ${CMAKE_BINARY_DIR}/${name}.gz VERBATIM)
  add_custom_target(packed_${name} ALL DEPENDS ${CMAKE_BINARY_DIR}/${name}.gz)
  install(FILES ${CMAKE_BINARY_DIR}/${name}.gz DESTINATION ${destination})
endfunction()

install(TARGETS waybill RUNTIME DESTINATION /usr/bin)
get_property(fetched_libraries GLOBAL PROPERTY FETCHED_LIBRARIES)
install(FILES ${fetched_libraries} DESTINATION ${PRIVATE_LIBRARIES})
install(FILES ${DUCKDB}/package/LICENSE DESTINATION /usr/share/doc/waybill RENAME duckdb.LICENSE)
install(FILES ${ARROW}/pyarrow-26.0.1.dist-info/licenses/LICENSE.txt DESTINATION /usr/share/doc/waybill RENAME arrow.LICENSE)
install(FILES ${ARROW}/pyarrow-26.0.1.dist-info/licenses/NOTICE.txt DESTINATION /usr/share/doc/waybill RENAME arrow.NOTICE)
install(FILES ${MAPLIBRE}/package/LICENSE.txt DESTINATION /usr/share/doc/waybill RENAME maplibre.LICENSE)
install(FILES ${deploy}/debian/waybill.toml DESTINATION /etc/waybill)
install(FILES ${deploy}/logrotate/waybill DESTINATION /etc/logrotate.d)
install(DIRECTORY ${deploy}/systemd/ DESTINATION /lib/systemd/system FILES_MATCHING PATTERN *.service)
# A prefix's drop-in is for the units whose names go on behind it.
foreach(units waybill waybill-)
  install(FILES ${deploy}/systemd/10-waybill.conf DESTINATION /lib/systemd/system/${units}.service.d)
endforeach()
install(FILES ${deploy}/debian/waybill.sysusers DESTINATION /usr/lib/sysusers.d RENAME waybill.conf)
install(FILES ${deploy}/debian/copyright docs/OPERATIONS.md docs/FORMATS.md DESTINATION /usr/share/doc/waybill)
install(FILES ${deploy}/prometheus/waybill.rules.yml ${deploy}/prometheus/prometheus.yml ${deploy}/grafana/waybill.json
        DESTINATION /usr/share/doc/waybill/examples)
install(DIRECTORY ${deploy}/examples/ ${deploy}/haproxy/ DESTINATION /usr/share/doc/waybill/examples)
install_packed(${deploy}/debian/waybill.1 waybill.1 /usr/share/man/man1)
install_packed(${CMAKE_SOURCE_DIR}/CHANGELOG.md changelog /usr/share/doc/waybill)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME waybill)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "Waybill maintainers <maintainers@waybill.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "couriers' locations, kept once and provably")
set(CPACK_PACKAGE_DESCRIPTION "Takes couriers' locations in over HTTP, shows the customer where the order is,
and keeps every location once, from the phone to the analyst's table.
One binary, one folder of data, no other servers.")
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${LATE_FOLDER} ${ARROW}/pyarrow ${DUCKDB}/package)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "init-system-helpers, systemd | systemd-sysusers")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "logrotate, prometheus, haproxy")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    "${deploy}/debian/postinst;${deploy}/debian/prerm;${deploy}/debian/postrm;${deploy}/debian/conffiles")
include(CPack)
